"""The reader of DER, held against elements that the test builds byte by byte."""

import pytest

from pilot.base import der
from tests.grid_proxy import VOMS, node


def only(data):
    """The one element of this data."""
    found, = der.nodes(data)
    return found


@pytest.mark.parametrize(
    "data, tags",
    [
        (b"", []),
        (node(2, b"\x05"), [2]),
        (node(2, b"\x05") + node(4, b"ab"), [2, 4]),
        (node(4, b"x" * 300), [4]),
    ],
    ids=["nothing", "one", "two", "long"],
)
def test_elements_come_one_after_the_other(data, tags):
    assert [one.tag for one in der.nodes(data)] == tags


def test_a_long_element_has_its_whole_content():
    assert only(node(4, b"x" * 300)).content == b"x" * 300


@pytest.mark.parametrize("size", [b"\x82\x00\x03", b"\x84\x00\x00\x00\x03"])
def test_a_length_may_take_several_bytes(size):
    assert only(b"\x04" + size + b"abc").content == b"abc"


@pytest.mark.parametrize("data", [b"\x04", b"\x04\x05abc", b"\x04\x82\x01\x00abc"])
def test_data_that_ends_too_soon_is_refused(data):
    with pytest.raises(ValueError, match="ends in the middle of an element"):
        list(der.nodes(data))


@pytest.mark.parametrize(
    "data", [b"\x04\x80abc", b"\x04\x85\x00\x00\x00\x00\x01a", b"\x04\x82\x01"]
)
def test_a_length_that_is_not_told_is_refused(data):
    with pytest.raises(ValueError, match="unknown length"):
        list(der.nodes(data))


def test_children_are_the_elements_inside():
    sequence = only(node(der.SEQUENCE, node(2, b"\x01"), node(4, b"z")))
    assert sequence.children() == [der.Node(2, b"\x01"), der.Node(4, b"z")]


def test_a_sequence_is_found_by_its_identifier_at_any_depth():
    wanted = node(der.SEQUENCE, node(der.OID, VOMS), node(4, b"here"))
    tree = only(node(der.SEQUENCE, node(der.SET, node(0xA3, wanted)), node(4, wanted)))
    found = [one.children()[1].content for one in der.find(tree, "1.3.6.1.4.1.8005.100.100.4")]
    assert found == [b"here"]


def test_what_is_not_there_is_not_found():
    tree = only(node(der.SEQUENCE, node(der.OID, VOMS)))
    assert list(der.find(tree, "1.2.3")) == []


@pytest.mark.parametrize(
    "content, dotted",
    [
        (VOMS, "1.3.6.1.4.1.8005.100.100.4"),
        (b"\x55\x1d\x0f", "2.5.29.15"),
        (b"\x88\x37\x03", "2.999.3"),
        (b"\x09", "0.9"),
        (b"", ""),
    ],
)
def test_an_identifier_is_told_in_dots(content, dotted):
    assert der.oid(content) == dotted


@pytest.mark.parametrize(
    "tag, text, seconds",
    [
        (der.UTC_TIME, b"700101000001Z", 1.0),
        (der.UTC_TIME, b"491231235959Z", 2524607999.0),
        (der.UTC_TIME, b"500101000000Z", -631152000.0),
        (der.GENERAL_TIME, b"20000101000000Z", 946684800.0),
    ],
)
def test_a_time_becomes_unix_seconds(tag, text, seconds):
    assert der.moment(der.Node(tag, text)) == seconds


@pytest.mark.parametrize(
    "tag, text",
    [(4, b"700101000001Z"), (der.UTC_TIME, b"nonsense"), (der.GENERAL_TIME, b"\xff")],
)
def test_what_is_no_time_is_refused(tag, text):
    with pytest.raises(ValueError):
        der.moment(der.Node(tag, text))
