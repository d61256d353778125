"""The part of HTTP/1.1 (RFC 9112) that the pool's server supports. It parses requests and renders
answers. Pure.

The server supports no chunked bodies, no upgrades and no folded headers. It refuses every request
that is not clearly valid and closes the connection, because a lenient parser permits request
smuggling.
"""

import json
import re
from typing import Dict, Iterable, List, NamedTuple, Optional, Tuple
from urllib.parse import parse_qsl, unquote

from pilot.pool.spec_text import WrittenSpec

MAX_HEAD = 16384
MAX_HEADERS = 64
METHODS = ("GET", "HEAD", "POST")
REASONS = {
    200: "OK",
    204: "No Content",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    408: "Request Timeout",
    409: "Conflict",
    411: "Length Required",
    413: "Content Too Large",
    417: "Expectation Failed",
    415: "Unsupported Media Type",
    429: "Too Many Requests",
    431: "Request Header Fields Too Large",
    500: "Internal Server Error",
    501: "Not Implemented",
    503: "Service Unavailable",
    505: "HTTP Version Not Supported",
}
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z")
_TARGET = re.compile(r"/[\x21-\x7e]*\Z")
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*\Z")
_SURROGATES = re.compile("[\\ud800-\\udfff]")
_DIGITS = re.compile(r"[0-9]{1,15}\Z")
ASK_FOR_TOKEN = 'WWW-Authenticate: Bearer realm="pilot pool"\r\n'
MAX_NUMBER = 300
MAX_DEPTH = 60
_ONCE = ("content-length", "host", "authorization", "transfer-encoding", "content-type")


class BadRequest(Exception):
    """The server refuses the request, with an HTTP status and one sentence."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


class Head(NamedTuple):
    """A request without its body."""

    method: str
    path: Tuple[str, ...]  # the segments of the path, percent-decoded; () for /
    query: Dict[str, str]
    headers: Dict[str, str]  # header names in lower case
    length: int
    keep_alive: bool
    expects_continue: bool


class Answer(NamedTuple):
    """An answer: its status, its body and its content type."""

    status: int
    body: bytes
    kind: str = "application/json"
    extra: str = ""  # further header lines, each with its line end


def parse_head(data: bytes) -> Head:
    """Parse the head of a request: everything before the empty line. Raises BadRequest."""
    lines = data.decode("latin-1").split("\r\n")
    if len(lines) > MAX_HEADERS + 1:
        raise BadRequest(431, "more than %d headers" % MAX_HEADERS)
    method, target, version = _request_line(lines[0])
    headers = _parse_headers(lines[1:])
    if "transfer-encoding" in headers:
        raise BadRequest(501, "Transfer-Encoding is not supported: send a Content-Length")
    if version == "HTTP/1.1" and "host" not in headers:
        raise BadRequest(400, "a request of HTTP/1.1 has a Host header")
    expects = headers.get("expect", "").lower()
    if expects not in ("", "100-continue"):
        raise BadRequest(417, "the header Expect has an unknown value")
    tokens = [word.strip().lower() for word in headers.get("connection", "").split(",")]
    keep_alive = "close" not in tokens if version == "HTTP/1.1" else "keep-alive" in tokens
    path, query = _split_target(target)
    return Head(
        method, path, query, headers, _body_length(method, headers), keep_alive, bool(expects)
    )


def _request_line(line: str) -> Tuple[str, str, str]:
    words = line.split(" ")
    if len(words) != 3 or not _TARGET.match(words[1]):
        raise BadRequest(400, "the first line is not an HTTP request line")
    if words[2] not in ("HTTP/1.1", "HTTP/1.0"):
        raise BadRequest(
            505 if words[2].startswith("HTTP/") else 400,
            "only HTTP/1.1 and HTTP/1.0 are supported",
        )
    if words[0] not in METHODS:
        raise BadRequest(
            501 if _NAME.match(words[0]) else 400, "only %s are supported" % ", ".join(METHODS)
        )
    return words[0], words[1], words[2]


def _parse_headers(lines: Iterable[str]) -> Dict[str, str]:
    headers: Dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or not _NAME.match(name) or not _VALUE.match(value):
            raise BadRequest(400, "a header line is malformed")
        name = name.lower()
        if name in headers and name in _ONCE:
            raise BadRequest(400, "the header %s occurs twice" % name)
        headers[name] = value.strip(" \t")
    return headers


def _body_length(method: str, headers: Dict[str, str]) -> int:
    text = headers.get("content-length")
    if text is None:
        if method == "POST":
            raise BadRequest(411, "a POST has a Content-Length")
        return 0
    if not _DIGITS.match(text):
        raise BadRequest(400, "Content-Length is no number")
    return int(text)


def _split_target(target: str) -> Tuple[Tuple[str, ...], Dict[str, str]]:
    path, _, query = target.partition("?")
    try:
        segments = (
            tuple(unquote(part, errors="strict") for part in path[1:].split("/"))
            if path != "/"
            else ()
        )
        pairs = parse_qsl(query, keep_blank_values=True, errors="strict")
    except ValueError:
        raise BadRequest(400, "the address is not UTF-8")
    if len(pairs) > 20:
        raise BadRequest(400, "too many words in the query")
    return segments, dict(pairs)


def parse_body(data: bytes, most_parts: int = 500000) -> Dict[str, object]:
    """Parse a body as a JSON object (RFC 8259) that the store can hold: no NaN, no infinite
    numbers, and at most `most_parts` lists, objects and commas in total. A lone surrogate, which
    file names may contain, becomes U+FFFD. Raises BadRequest."""
    # Check this before parsing: each part becomes a Python object of about 60 bytes.
    if (
        len(data) > most_parts
        and data.count(b",") + data.count(b"[") + data.count(b"{") > most_parts
    ):
        raise BadRequest(413, "the body has too many parts: here at most %d are accepted" % most_parts)
    try:
        value = _decode_body(data.decode("utf-8"))
        if data.count(b"{") + data.count(b"[") > MAX_DEPTH and _nesting_depth(value) > MAX_DEPTH:
            raise RecursionError
        if b"\\u" in data:
            text = json.dumps(value, ensure_ascii=False)
            value = (
                json.loads(_SURROGATES.sub("\ufffd", text)) if _SURROGATES.search(text) else value
            )
    except ValueError as error:
        raise BadRequest(400, "the body is not JSON: %s" % error)
    except RecursionError:
        raise BadRequest(400, "the body is nested too deeply")
    if not isinstance(value, dict):
        raise BadRequest(400, "the body is no JSON object")
    return value


def _decode_body(text: str) -> object:
    """The value of a body. The items of a body {"tasks": [...]} keep their texts."""
    start = _TASKS.match(text)
    if start is None:
        return _DECODER.decode(text)
    items: List[object] = []
    at = start.end()
    while True:
        item, end = _DECODER.raw_decode(text, at)
        items.append(WrittenSpec(item, text[at:end]) if isinstance(item, dict) else item)
        comma = _COMMA.match(text, end)
        if comma is None:
            break
        at = comma.end()
    # any other form is decoded as a whole
    return {"tasks": items} if _TASKS_END.match(text, end) else _DECODER.decode(text)


def _nesting_depth(value: object) -> int:
    """Return how deeply lists and objects are nested. Stop counting beyond MAX_DEPTH."""
    deepest = 0
    level: List[object] = [value]
    while level and deepest <= MAX_DEPTH:
        inner: List[object] = []
        for one in level:
            if isinstance(one, (dict, list)):
                inner += list(one.values() if isinstance(one, dict) else one)
        deepest, level = deepest + 1, inner
    return deepest


def _refuse_number(text: str) -> object:
    raise ValueError("%s is no JSON" % text)


def _parse_int(text: str) -> int:
    if len(text) > MAX_NUMBER:
        raise ValueError("a number has more than %d digits" % MAX_NUMBER)
    return int(text)


def _parse_finite(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise ValueError("%s is too large" % text)
    return number


_TASKS = re.compile(r'[ \t\r\n]*\{[ \t\r\n]*"tasks"[ \t\r\n]*:[ \t\r\n]*\[[ \t\r\n]*(?=[{"])')
_COMMA = re.compile(r"[ \t\r\n]*,[ \t\r\n]*")
_TASKS_END = re.compile(r"[ \t\r\n]*\][ \t\r\n]*\}[ \t\r\n]*\Z")
_DECODER = json.JSONDecoder(
    parse_constant=_refuse_number, parse_float=_parse_finite, parse_int=_parse_int
)


def answer_json(value: object, status: int = 200) -> Answer:
    """Return a value as a JSON answer."""
    return Answer(status, json.dumps(value, separators=(",", ":")).encode("ascii"))


def answer_error(status: int, sentence: str, extra: str = "") -> Answer:
    """Return a refusal: one sentence under "error"."""
    return Answer(status, json.dumps({"error": sentence}).encode("ascii"), extra=extra)


def render_answer(answer: Answer, keep_alive: bool, head_only: bool = False) -> bytes:
    """Return the bytes of an answer."""
    head = (
        "HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %d\r\nX-Content-Type-Options: nosniff\r\n%s%s\r\n"
        % (
            answer.status,
            REASONS.get(answer.status, "Unknown"),
            answer.kind,
            len(answer.body),
            answer.extra,
            "" if keep_alive else "Connection: close\r\n",
        )
    )
    return head.encode("latin-1") + (b"" if head_only else answer.body)


def find_head(buffer: bytes) -> Optional[int]:
    """Return the offset where the head ends, or None if its end has not arrived. Raises BadRequest
    if the head is too long."""
    at = buffer.find(b"\r\n\r\n")
    if at > MAX_HEAD or (at < 0 and len(buffer) > MAX_HEAD):
        raise BadRequest(431, "the headers are longer than %d bytes" % MAX_HEAD)
    return at if at >= 0 else None
