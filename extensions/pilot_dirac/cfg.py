"""DIRAC's configuration files: sections in braces, `name = value`, lists with `+=`; read, merged,
written."""

import os
from typing import Dict, Iterator, List, Tuple, Union

from pilot.base.files import write_file

Section = Dict[str, Union[str, "Section"]]


def parse_cfg(text: str) -> Section:
    """The sections and values of a file; ValueError names the line that is invalid."""
    root: Section = {}
    stack: List[Section] = [root]
    waiting = ""
    for number, piece in _split_pieces(text):
        if piece == "{":
            if not waiting:
                raise ValueError("line %d: a { without a name before it" % number)
            inner = stack[-1].setdefault(waiting, {})
            if not isinstance(inner, dict):
                raise ValueError("line %d: %s is a value and a section" % (number, waiting))
            stack.append(inner)
            waiting = ""
        elif piece == "}":
            if len(stack) == 1:
                raise ValueError("line %d: a } too many" % number)
            stack.pop()
        elif "=" in piece:
            _read_value(stack[-1], piece)
        else:
            waiting = piece
    if len(stack) > 1:
        raise ValueError("a } is missing at the end")
    return root


def _split_pieces(text: str) -> Iterator[Tuple[int, str]]:
    """Names, braces and assignments; a brace inside a value belongs to the value."""
    for number, line in enumerate(text.splitlines(), 1):
        line = line.strip()
        if line.startswith("#"):
            continue
        while line:
            if line[0] in "{}":
                yield number, line[0]
                line = line[1:].strip()
                continue
            ends = [at for at in (line.find("{"), line.find("}")) if at >= 0]
            head = line[: min(ends)] if ends else line
            if "=" in head or not ends:
                yield number, line
                break
            yield number, head.strip()
            line = line[min(ends):]


def _read_value(section: Section, piece: str) -> None:
    name, _, text = piece.partition("=")
    more = name.endswith("+")
    name, text = name.rstrip("+").strip(), text.strip()
    before = section.get(name)
    section[name] = (
        "%s, %s" % (before, text) if more and isinstance(before, str) and before else text
    )


def set_option(section: Section, options: Dict[str, str]) -> Section:
    """The section after setting each /Section/Name = value; ValueError when a path leads through a
    value."""
    for path, text in options.items():
        here: Section = section
        *folders, name = [part for part in path.split("/") if part]
        for folder in folders:
            inner = here.setdefault(folder, {})
            if not isinstance(inner, dict):
                raise ValueError("%s: %s is a value, no section" % (path, folder))
            here = inner
        here[name] = " ".join(text.split("\n"))  # a value is one line
    return section


def render_cfg(section: Section, depth: int = 0) -> str:
    """The file's text with each brace on its own line, as DIRAC writes it."""
    blank, lines = "  " * depth, []
    for name, item in section.items():
        if isinstance(item, dict):
            lines.append(
                "%s%s\n%s{\n%s%s}\n" % (blank, name, blank, render_cfg(item, depth + 1), blank)
            )
        else:
            first, *rest = [part.strip() for part in item.split(",")] if item else [""]
            lines.append("%s%s = %s\n" % (blank, name, first))
            lines += ["%s%s += %s\n" % (blank, name, part) for part in rest]
    return "".join(lines)


def get_option(section: Section, path: str) -> str:
    """The value at /Section/Name; "" when it does not exist."""
    here: Union[str, Section] = section
    for part in (word for word in path.split("/") if word):
        if not isinstance(here, dict) or part not in here:
            return ""
        here = here[part]
    return here if isinstance(here, str) else ""


def update_file(path: str, options: Dict[str, str]) -> None:
    """Set values in a file and replace the file by rename; ValueError with the file's name when the
    file is malformed."""
    text = ""
    if os.path.exists(path):
        with open(path, encoding="utf-8", errors="surrogateescape") as stream:
            text = stream.read()
    try:
        section = set_option(parse_cfg(text), options)
    except ValueError as error:
        raise ValueError("%s: %s" % (path, error))
    write_file(path, render_cfg(section).encode("utf-8", "surrogateescape"), 0o666)
