"""Removes type annotations. Only a type checker needs them."""

import io
import keyword
import tokenize
from typing import Dict, List, Tuple

OURS = ("pilot/", "commands/")
# base classes that read annotations at run time
FIELDS = {"NamedTuple", "TypedDict", "Protocol"}
NOTHING = (tokenize.COMMENT, tokenize.NL)


def untyped_files(files: Dict[str, bytes]) -> Dict[str, bytes]:
    """Return the same files, without annotations in the toolbox's own sources. Line numbers stay
    the same. An extension keeps its annotations, because it may read them at run time."""
    return {
        name: _untyped(data) if name.startswith(OURS) and name.endswith(".py") else data
        for name, data in files.items()
    }


def _untyped(source: bytes) -> bytes:
    text = source.decode("utf-8")
    lines = text.split("\n")
    remove_annotations(lines, read_tokens(text))
    return "\n".join(lines).encode("utf-8")


def remove_annotations(lines: List[str], tokens: List[tokenize.TokenInfo]) -> None:
    """Remove the annotations from these lines. `tokens` are the tokens of these lines."""
    for row, start, end in sorted(_find_annotations(tokens), reverse=True):
        left, right = lines[row - 1][:start], lines[row - 1][end:]
        before_colon = right.lstrip().startswith(":")
        lines[row - 1] = left.rstrip() + right.lstrip() if before_colon else left + right


def read_tokens(text: str) -> List[tokenize.TokenInfo]:
    """Return the tokens of a source without the end marker."""
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    return [token for token in tokens if token.type != tokenize.ENDMARKER]


def _find_annotations(tokens: List[tokenize.TokenInfo]) -> List[Tuple[int, int, int]]:
    """Return (line, from, to) for each annotation: `: T` of parameters and variables, `-> T`."""
    spans: List[Tuple[int, int, int]] = []
    real = [token for token in tokens if token.type not in NOTHING]
    for at, token in enumerate(real):
        if token.type == tokenize.NAME and token.string == "def":
            spans += _annotated_signature(real[at:])
    return spans + _annotated_variables(real)


def _annotated_variables(tokens: List[tokenize.TokenInfo]) -> List[Tuple[int, int, int]]:
    """Find the annotations of variables that have a value. Fields of a NamedTuple, of similar
    classes and of decorated classes keep their annotations, because the class reads them."""
    spans: List[Tuple[int, int, int]] = []
    blocks, opening, line = [""], "", []  # type: List[str], str, List[tokenize.TokenInfo]
    decorated = False
    for token in tokens:
        if token.type == tokenize.INDENT:
            blocks.append(opening if opening in ("def", "class") else blocks[-1])
        elif token.type == tokenize.DEDENT:
            blocks.pop()
        elif token.type == tokenize.NEWLINE:
            words = [one.string for one in line]
            opening = next((word for word in words[:2] if word in ("def", "class")), "")
            if opening == "class" and not decorated and not FIELDS.intersection(words):
                opening = "def"
            decorated = words[:1] == ["@"]
            target = (
                len(words) > 1
                and words[1] in (":", ".", "[")
                and words[0] != "case"
                and not keyword.iskeyword(words[0])
            )
            if blocks[-1] != "class" and target:
                spans += _annotated_variable(line)
            line = []
        else:
            line.append(token)
    return spans


def _annotated_variable(line: List[tokenize.TokenInfo]) -> List[Tuple[int, int, int]]:
    depth, colon, equals = 0, -1, -1
    for at, token in enumerate(line):
        depth += (token.string in ("(", "[", "{")) - (token.string in (")", "]", "}"))
        if depth == 0 and token.string == ":" and colon < 0 and equals < 0:
            colon = at
        elif depth == 0 and token.string == "=" and equals < 0:
            equals = at
    if not 0 < colon < equals or line[colon].start[0] != line[equals].start[0]:
        return []
    return [(line[colon].start[0], line[colon].start[1], line[equals - 1].end[1])]


def _annotated_signature(tokens: List[tokenize.TokenInfo]) -> List[Tuple[int, int, int]]:
    spans: List[Tuple[int, int, int]] = []
    # since: the bracket depth at which the current annotation began, or -1 outside an annotation
    lambdas, depth, since = 0, 0, -1
    for token in tokens[2:]:
        text = token.string if token.type == tokenize.OP else ""
        depth += (text in ("(", "[", "{")) - (text in (")", "]", "}"))
        if depth == 0 and text == ":":
            break
        lambdas += token.string == "lambda"
        if text == ":" and lambdas:
            lambdas -= 1
        elif (depth, text) in ((1, ":"), (0, "->")) and since < 0:
            since = depth
        elif since == 1 and (depth == 0 or depth == 1 and text in (",", "=")):
            since = -1
        if since >= 0:
            spans.append((token.start[0], token.start[1], token.end[1]))
    return spans
