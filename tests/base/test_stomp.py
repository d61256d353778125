"""STOMP frames, and the feed against a small broker of the tests."""

import gc

import pytest

from pilot.base import stomp
from tests.base.broker import broker  # noqa: F401
from tests.conftest import until


def test_what_a_place_is():
    place = stomp.parse_url("stomp+ssl://u:p%40x@broker.example.org:6161/queue/pilots?host=grid")
    assert place == (True, "broker.example.org", 6161, "u", "p@x", "grid", "/queue/pilots")
    assert "p@x" not in place.name
    assert stomp.parse_url("stomp://b/queue/x").port == 61613
    assert stomp.parse_url("stomp+ssl://b/queue/x").port == 61614


@pytest.mark.parametrize(
    "url",
    [
        "stomp://",
        "stomp://host",
        "stomp://host/",
        "stomp://host:x/q",
        "http://host/q",
        "stomp://host/q%0ax",
    ],
)
def test_what_is_none(url):
    with pytest.raises(ValueError):
        stomp.parse_url(url)


@pytest.mark.parametrize("headers", [{"a": "b"}, {"a:b": "c\nd\\e\r"}, {"x": "\\n:\\\\c"}, {}])
def test_frames_come_back_as_they_went(headers):
    data = stomp.frame_bytes("SEND", dict(headers, **{"content-length": "5"}), b"a\0b\nc")
    frame, rest = stomp.cut_frame(b"\n\n" + data + b"\nREST")
    assert frame == ("SEND", dict(headers, **{"content-length": "5"}), b"a\0b\nc")
    assert rest == b"\nREST"
    for end in range(len(data)):
        assert stomp.cut_frame(data[:end]) is None


def test_a_frame_too_large_is_refused():
    with pytest.raises(stomp.StompError):
        stomp.cut_frame(b"x" * (stomp.MAX_FRAME + 1))


def test_a_connection_that_was_not_welcome_is_hung_up(broker):  # noqa: F811
    broker.moody = 1
    with pytest.raises(stomp.StompError, match="closed the connection"):
        stomp.StompConnection(stomp.parse_url(broker.url), None, 60)
    gc.collect()  # a socket left open is told here, and the suite takes that for an error
    until(lambda: broker.ended == 1)
