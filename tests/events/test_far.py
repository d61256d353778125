"""The far places of one pilot: opened, told everything, closed in time."""

import logging
import threading

import pytest

from pilot.base.log import Masker
from pilot.errors import ConfigurationFailed
from pilot.events import event as events
from pilot.events import far as places
from pilot.events import sender as senders
from pilot.events.far import Far, transport
from pilot.events.pool_server import PoolServer
from pilot.events.queue_broker import QueueBroker
from pilot.events.sender import SendFailed, Transport
from pilot.events.stream import Stream
from tests.conftest import until


class Place(Transport):
    """Keeps what it is told, or fails."""

    def __init__(self, name="place"):
        self.name, self.got, self.fail, self.closed = name, [], None, threading.Event()

    def send(self, told):
        if self.fail:
            raise self.fail
        self.got += told

    def close(self):
        self.closed.set()

    def kinds(self):
        return [event["event"] for event in self.got]


@pytest.fixture
def stream(monkeypatch):
    monkeypatch.setattr(senders, "BACK_OFF_S", (0.01,))
    monkeypatch.setattr(senders, "TOGETHER_S", 0.01)
    return Stream("p1", Masker())


@pytest.fixture
def far(stream, tmp_path):
    logger = logging.getLogger("pilot")
    before = list(logger.handlers)
    yield Far(stream, str(tmp_path), Masker())
    logger.handlers[:] = before


@pytest.mark.parametrize(
    "place, kind",
    [
        ("stomp://h/queue/x", QueueBroker),
        ("stomp+ssl://h/queue/x", QueueBroker),
        ("http://h:1", PoolServer),
        ("https://h:1", PoolServer),
    ],
)
def test_the_scheme_says_how_events_get_there(place, kind):
    one = transport(place, {})
    assert type(one) is kind
    one.close()


@pytest.mark.parametrize("place", ["stomp://", "stomp://h/", "stomp://h:x/q"])
def test_a_place_that_can_never_work_is_told(place):
    with pytest.raises(ConfigurationFailed, match="^--events: "):
        transport(place, {})


def test_every_place_is_told_every_event(far, stream):
    one, two = Place("one"), Place("two")
    far.open([], {}, [one, two])
    stream.emit(events.PILOT_STARTED)
    far.close(False)
    assert [one.kinds(), two.kinds()] == [[events.PILOT_STARTED]] * 2


def test_every_place_is_closed_at_the_end(far):
    one = Place()
    far.open([], {}, [one])
    far.close(False)
    assert one.closed.is_set()


def test_the_heart_beats_at_once_with_what_the_machine_has(far, stream):
    one = Place()
    far.open([], {}, [one])
    far.hear_log()
    far.close(False)
    assert one.kinds() == [events.PILOT_HEARTBEAT]
    assert "load" in one.got[0]


def test_what_was_logged_arrives_at_the_latest_with_the_end(far, heard):
    one = Place()
    far.open([], {}, [one])
    far.hear_log()
    logging.getLogger("pilot.x").info("a line")
    far.close(False)
    assert one.got[-1]["event"] == events.LOG
    assert one.got[-1]["lines"][0].endswith("a line")


def test_the_heart_beats_on_with_every_sixth_turn(far, stream, monkeypatch):
    monkeypatch.setattr(places, "EVERY_S", 0.01)
    one = Place()
    far.open([], {}, [one])
    until(lambda: one.kinds().count(events.PILOT_HEARTBEAT) > 1)
    far.close(False)


def test_with_two_places_the_heart_beats_once(far, stream, monkeypatch):
    monkeypatch.setattr(places, "EVERY_S", 0.01)
    one, two = Place("one"), Place("two")
    far.open([], {}, [one, two])
    until(lambda: one.kinds().count(events.PILOT_HEARTBEAT) > 2)
    far.close(False)
    beats = [event["seq"] for event in one.got]
    assert beats == sorted(set(beats))
    assert [event["seq"] for event in two.got] == beats


def test_what_did_not_arrive_is_counted_and_told_with_its_reason(far, stream, heard):
    one = Place()
    one.fail = SendFailed("no route")
    far.open([], {}, [one])
    stream.emit("a")
    stream.emit("b")
    far.close(True)
    assert heard[-1].getMessage() == "2 events did not arrive at place: no route"
    assert stream.lost == {"place": 2}
