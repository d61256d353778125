"""Events from a message queue into a pool server."""

import threading

import pytest

from pilot.base import stomp
from pilot.events.queue_broker import QueueBroker
from pilot.events.sender import SendFailed
from pilot.ops.server import feed
from tests.base.broker import Broker
from tests.conftest import until


@pytest.fixture
def broker():
    one = Broker()
    yield one
    one.close()


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
def moving(broker, monkeypatch):
    monkeypatch.setattr(feed, "BACK_OFF_S", (0.01,))
    monkeypatch.setattr(feed, "LISTEN_S", 0.02)
    stop, target = threading.Event(), Target()
    thread = threading.Thread(target=feed.Feed(stomp.parse_url(broker.url), target, stop).run)
    thread.start()
    yield target
    stop.set()
    thread.join(10)


def test_the_feed_moves_what_the_sink_sent_also_when_both_ends_fail(broker, moving):
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


def test_what_is_no_message_of_ours_is_refused_and_holds_up_nothing(broker, moving):
    broker.queue += [b"not JSON", b'{"x": 1}', b'{"events": [{"seq": 5}]}']
    until(lambda: moving.got == [5])
    until(lambda: len(broker.dead) == 2)
    moving.fail = [SendFailed("400", final=True)]
    broker.queue.append(b'{"events": [{"seq": 6}]}')
    until(lambda: len(broker.dead) == 3)


@pytest.mark.parametrize(
    "body", [b"", b"no JSON", b"[]", b"\xff", b'{"events": {}}', b'{"events": [1]}']
)
def test_what_is_no_message_of_ours_holds_no_events(body):
    assert feed.read_events(body) is None


def test_a_message_holds_the_events_that_were_sent():
    assert feed.read_events(b'{"events": [{"seq": 1}, {"seq": 2}]}') == [{"seq": 1}, {"seq": 2}]


def test_a_feed_that_is_to_stop_gives_the_message_to_the_next(broker, monkeypatch):
    """It is neither acknowledged nor refused: the broker has it still."""
    stop = threading.Event()

    class Failing(Target):
        def send(self, events):
            stop.set()
            raise SendFailed("down")

    broker.queue.append(b'{"events": [{"seq": 1}]}')
    one = feed.Feed(stomp.parse_url(broker.url), Failing(), stop)
    one.run()
    assert (one.moved, one.refused) == (0, 0)
