"""STOMP frames, and the feed against a small broker of the tests."""

import gc
import threading

import pytest

from pilot.base import stomp
from pilot.events.queue_broker import QueueBroker
from pilot.events.sender import SendFailed
from pilot.ops.server import feed
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


class Target:
    """A pool server that takes events, fails, or refuses."""

    name = "target"

    def __init__(self):
        self.got, self.fail = [], []

    def send(self, events):
        if self.fail:
            raise self.fail.pop(0)
        self.got += [event["seq"] for event in events]


@pytest.fixture
def moving(broker, monkeypatch):  # noqa: F811
    monkeypatch.setattr(feed, "BACK_OFF_S", (0.01,))
    monkeypatch.setattr(feed, "LISTEN_S", 0.02)
    stop, target = threading.Event(), Target()
    thread = threading.Thread(target=feed.Feed(stomp.parse_url(broker.url), target, stop).run)
    thread.start()
    yield target
    stop.set()
    thread.join(10)


def test_the_feed_moves_what_the_sink_sent_also_when_both_ends_fail(broker, moving):  # noqa: F811
    moving.fail = [SendFailed("down")] * 3
    broker.moody = 7
    sink = QueueBroker(broker.url, {})
    for seq in range(60):
        for _ in range(5):
            try:
                sink.send([{"pilot": "p", "seq": seq, "event": "x"}])
                break
            except SendFailed:
                pass
    until(lambda: set(moving.got) == set(range(60)))
    firsts = sorted(set(moving.got), key=moving.got.index)
    assert firsts[0] == 0
    assert broker.dead == []
    sink.close()


def test_what_is_no_message_of_ours_is_refused_and_holds_up_nothing(broker, moving):  # noqa: F811
    broker.queue += [b"not JSON", b'{"x": 1}', b'{"events": [{"seq": 5}]}']
    until(lambda: moving.got == [5])
    until(lambda: len(broker.dead) == 2)
    moving.fail = [SendFailed("400", final=True)]
    broker.queue.append(b'{"events": [{"seq": 6}]}')
    until(lambda: len(broker.dead) == 3)
