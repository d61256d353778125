"""Makes a smaller program with the same behaviour. It removes comments, docstrings, annotations and
the help of options from the sources. It omits the parts that another agent replaces.

It only removes source text, shortens the names of private functions, and rewrites the import of names
from typing, so that every Python produces the same bytes. The first line of a command's docstring
stays, because --list shows it.
"""

import io
import re
import tokenize
from typing import Dict, List, Match, Set, Tuple

from pilot.errors import UsageError
from pilot.ops.bundle.annotations import NOTHING, read_tokens, remove_annotations

# The lean form omits the agent and its task pools (--execute or a community's agent replaces them)
# and the other tools.
KEPT = ("pilot/agent/__init__.py", "pilot/agent/child.py")
PARTS = ("pilot/agent/", "pilot/pool/", "pilot/hosts/boinc/")
FILES = (
    "pilot/node/batch/boinc.py",
    "pilot/base/stomp.py",
    "pilot/base/upload.py",
    "pilot/base/write_ahead.py",
    "pilot/events/queue_broker.py",
    "pilot/events/progress.py",
    "pilot/events/bar.py",
    "pilot/node/score_cache.py",
    "pilot/node/spot.py",
    "pilot/node/poller.py",
    "pilot/engine/onefile.py",
    "pilot/engine/plan_text.py",
    "pilot/engine/stepping.py",
)
# Python 3.6 has separate token types for async and await
_WORDS = (tokenize.NAME, tokenize.NUMBER, tokenize.STRING) + tuple(
    getattr(tokenize, name) for name in ("ASYNC", "AWAIT") if hasattr(tokenize, name))
_UNSEEN = (
    tokenize.COMMENT,
    tokenize.NL,
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.ENDMARKER,
    getattr(tokenize, "ENCODING", -1),
)
# the token types of f-strings differ between Python versions
_FORMATTED = re.compile(r"""\b[rR]?[fF][rR]?["']""")
_BEGINS = (tokenize.INDENT, tokenize.DEDENT, tokenize.NEWLINE, tokenize.ENCODING)


def lean_files(given: Dict[str, bytes]) -> Dict[str, bytes]:
    """Return the files that the lean form contains, stripped."""
    return {
        name: _lean_file(name, data)
        for name, data in given.items()
        if name in KEPT or not name.startswith(PARTS) and name not in FILES
    }


def _lean_file(name: str, data: bytes) -> bytes:
    if not name.endswith(".py"):
        return data
    try:
        return strip_source(data, not name.startswith("pilot") or name.startswith("pilot_"))
    except (SyntaxError, tokenize.TokenError, UnicodeDecodeError) as error:
        raise UsageError("%s: is no Python: %s" % (name, error))


def strip_source(source: bytes, keep_first_lines: bool = False) -> bytes:
    """Return the same module without comments, docstrings and empty lines. With `keep_first_lines`,
    the first line of a class's docstring stays."""
    text = _without_help(source.decode("utf-8"))
    lines, tokens = text.split("\n"), read_tokens(text)
    drop: Set[int] = set()
    remove_annotations(lines, tokens)
    for row, column in _find_comments(tokens):
        if not (row == 1 and text.startswith("#!")):
            lines[row - 1] = lines[row - 1][:column].rstrip()
    for first, last, column, needed, of_class in _find_docstrings(tokens):
        words = lines[first - 1].strip()
        words = words.strip("\"'").strip() if words[:1] in ("\"", "'") else ""
        drop.update(range(first + 1, last + 1))
        kept_words = "0" if needed else ""
        if keep_first_lines and of_class and words and "\\" not in words:
            kept_words = '"""%s"""' % words
        lines[first - 1] = " " * column + kept_words
    inside, depths = _inside_strings(tokens), _statement_depths(tokens)
    if text.startswith("#!"):
        depths[1] = 0
    kept = []
    for number, line in enumerate(lines, 1):
        if number in drop or not (line.strip() or number in inside):
            continue
        as_it_is = number in inside and number not in depths
        kept.append(line if as_it_is else " " * depths.get(number, 1) + line.strip())
    return _if_it_compiles("\n".join(kept) + "\n", text).encode("utf-8")


def _without_help(text: str) -> str:
    lines = text.split("\n")
    for row, start, end in _help_texts(read_tokens(text)):
        lines[row - 1] = lines[row - 1][:start] + lines[row - 1][end:]
    return "\n".join(lines)


def _if_it_compiles(small: str, text: str) -> str:
    """Return the small form without imports of types and without blanks, or the unchanged text if
    the result does not compile."""
    for form in (_without_imports_of_types(small), small):
        try:
            compile(form, "stripped", "exec", dont_inherit=True)
            return form if _FORMATTED.search(form) else _without_blanks(form)
        except SyntaxError:
            continue
    return text


def _without_blanks(text: str) -> str:
    """Write each statement on one line. Keep only the blanks that separate words, and remove
    trailing commas."""
    start = text.startswith("#!")
    parts = [text[: text.index("\n") + 1]] if start else []
    before, commas = None, [0]  # commas: number of commas so far, by bracket depth
    short = _short_names(text)
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type in _UNSEEN:
            continue
        if before is None:
            parts.append(" " * token.start[1])
        elif before in _WORDS and token.type in _WORDS:
            parts.append(" ")
        before = None if token.type == tokenize.NEWLINE else token.type
        if token.type == tokenize.OP:
            _drop_last_comma(token.string, parts, commas)
        word = token.string if parts[-1:] == ["."] else short.get(token.string, token.string)
        parts.append("\n" if before is None else word)
    return "".join(parts)


def _short_names(text: str) -> Dict[str, str]:
    """Short names for the private functions of a module: no other module uses them."""
    names = re.findall(r"(?m)^def (_[a-z]\w*)\(", text)
    return {name: "_%d" % number for number, name in enumerate(dict.fromkeys(names))}


def _drop_last_comma(word: str, parts: List[str], commas: List[int]) -> None:
    """Remove a comma before a closing bracket, except in a tuple with one element."""
    if word in ("(", "[", "{"):
        commas.append(0)
    elif word == ",":
        commas[-1] += 1
    elif word in (")", "]", "}"):
        if commas.pop() > 1 and parts[-1] == ",":
            parts.pop()


def _without_imports_of_types(text: str) -> str:
    """Remove the imports that only type checkers use, and the names from typing that the text no
    longer uses."""
    def import_used(match: Match[str]) -> str:
        rest = text[: match.start()] + text[match.end():]
        given = re.findall(r"\w+", match.group(1))
        names = [name for name in given if re.search(r"\b%s\b" % name, rest)]
        return "from typing import %s\n" % ", ".join(names) if names else ""

    if "\"\"\"" in text and re.search(
        r"(?m)^(if TYPE_CHECKING:|from typing )", text.partition("\"\"\"")[2]
    ):
        return text  # the match may be inside a string: leave it unchanged
    text = re.sub(r"(?m)^if TYPE_CHECKING:\n( .*\n)+(?!el)", "", text)
    return re.sub(r"(?m)^from typing import (\([\w,\s]+\)|[\w, ]+)\n", import_used, text)


def _find_comments(tokens: List[tokenize.TokenInfo]) -> List[Tuple[int, int]]:
    return [token.start for token in tokens if token.type == tokenize.COMMENT]


def _help_texts(tokens: List[tokenize.TokenInfo]) -> List[Tuple[int, int, int]]:
    """Return (line, from, to) for the text inside the quotes of each option's help, from last to
    first."""
    spans: List[Tuple[int, int, int]] = []
    real = [token for token in tokens if token.type not in NOTHING]
    for at, token in enumerate(real):
        if [one.string for one in real[at : at + 2]] != ["Option", "("] or [
            one.string for one in real[at + 3 : at + 4]
        ] != [","]:
            continue
        words = real[at + 4:]
        count = next((index for index, one in enumerate(words) if one.type != tokenize.STRING), 0)
        if count and words[count].string in (",", ")"):
            spans += [
                (one.start[0], one.start[1] + 1, one.end[1] - 1)
                for one in words[:count]
                if one.string[0] in "\"'"
                and one.start[0] == one.end[0]
                and not one.string.startswith(('"""', "\'\'\'"))
            ]
    return sorted(spans, reverse=True)


def _find_docstrings(tokens: List[tokenize.TokenInfo]) -> List[Tuple[int, int, int, bool, bool]]:
    """Find each statement that is only a string. Return (first line, last line, column, is it the
    only statement of its block?, is it directly below a class?) for each."""
    docstrings = []
    real = [token for token in tokens if token.type not in NOTHING]
    begins, before = "", ""  # the first word of this statement and of the previous one
    for at, token in enumerate(real):
        first = at == 0 or real[at - 1].type in _BEGINS
        if first and token.type not in _BEGINS:
            begins, before = token.string, begins
        if (
            first
            and token.type == tokenize.STRING
            and at + 1 < len(real)
            and real[at + 1].type == tokenize.NEWLINE
        ):
            only = at + 2 == len(real) or real[at + 2].type == tokenize.DEDENT
            docstrings.append(
                (
                    token.start[0],
                    token.end[0],
                    token.start[1],
                    only and token.start[1] > 0,
                    before == "class",
                )
            )
    return docstrings


def _statement_depths(tokens: List[tokenize.TokenInfo]) -> Dict[int, int]:
    """Return the indentation depth of each line that begins a statement."""
    depths: Dict[int, int] = {}
    depth, fresh = 0, True
    for token in tokens:
        if token.type in (tokenize.INDENT, tokenize.DEDENT):
            depth += 1 if token.type == tokenize.INDENT else -1
        elif token.type == tokenize.NEWLINE:
            fresh = True
        elif fresh and token.type not in NOTHING:
            depths[token.start[0]], fresh = depth, False
    return depths


def _inside_strings(tokens: List[tokenize.TokenInfo]) -> Set[int]:
    """Return the numbers of the lines inside a multi-line string. These lines must not change."""
    rows: Set[int] = set()
    for token in tokens:
        if token.end[0] > token.start[0] and token.type not in (
            tokenize.NEWLINE,
            tokenize.NL,
            tokenize.INDENT,
            tokenize.DEDENT,
        ):
            rows.update(range(token.start[0], token.end[0] + 1))
    return rows
