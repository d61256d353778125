"""A small parser of DER (ITU-T X.690), sufficient for X.509 certificates."""

import calendar
import time
from typing import Iterator, List, NamedTuple

OCTETS, OID, UTC_TIME, GENERAL_TIME, SEQUENCE, SET = 0x04, 0x06, 0x17, 0x18, 0x30, 0x31


class Node(NamedTuple):
    """One element: its tag byte and its content."""

    tag: int
    content: bytes

    def children(self) -> List["Node"]:
        """The elements inside a constructed element; ValueError if it is malformed."""
        return list(nodes(self.content))


def nodes(data: bytes) -> Iterator[Node]:
    """Yield the elements in order; ValueError if the data is not DER."""
    at = 0
    while at < len(data):
        if at + 2 > len(data):
            raise ValueError("DER ends in the middle of an element")
        tag, length, at = data[at], data[at + 1], at + 2
        if length & 0x80:
            size = length & 0x7F
            if size == 0 or size > 4 or at + size > len(data):
                raise ValueError("DER has an element of unknown length")
            length, at = int.from_bytes(data[at: at + size], "big"), at + size
        if at + length > len(data):
            raise ValueError("DER ends in the middle of an element")
        yield Node(tag, data[at: at + length])
        at += length


def find(node: Node, dotted: str) -> Iterator[Node]:
    """Yield every sequence below `node`, at any depth, whose first element is this OID."""
    if not node.tag & 0x20:
        return
    inside = node.children()
    if (
        node.tag == SEQUENCE
        and inside
        and inside[0].tag == OID
        and oid(inside[0].content) == dotted
    ):
        yield node
    for child in inside:
        for match in find(child, dotted):
            yield match


def oid(content: bytes) -> str:
    """An object identifier in dotted form."""
    numbers, value = [], 0
    for byte in content:
        value = value << 7 | byte & 0x7F
        if not byte & 0x80:
            numbers.append(value)
            value = 0
    first = min(numbers[0] // 40, 2) if numbers else 0
    return (
        ".".join(str(n) for n in [first, numbers[0] - 40 * first] + numbers[1:]) if numbers else ""
    )


def moment(node: Node) -> float:
    """UTCTime or GeneralizedTime as UNIX seconds (RFC 5280, 4.1.2.5); ValueError for another
    type."""
    text = node.content.decode("ascii", "replace")
    if node.tag == UTC_TIME:
        text = ("19" if text[:2] >= "50" else "20") + text
    elif node.tag != GENERAL_TIME:
        raise ValueError("not a time")
    return float(calendar.timegm(time.strptime(text, "%Y%m%d%H%M%SZ")))
