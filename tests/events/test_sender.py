"""A far place for events: what is told gets there in order, or is counted."""

import threading

import pytest

from pilot.events import sender as senders
from pilot.events.sender import Sender, SendFailed, Transport
from tests.conftest import until


class Place(Transport):
    """Takes events, or fails as it is told."""

    name = "place"

    def __init__(self):
        self.got, self.fail, self.calls, self.closed = [], None, 0, threading.Event()

    def send(self, events):
        self.calls += 1
        if self.fail:
            raise self.fail
        self.got += [one["seq"] for one in events]

    def close(self):
        self.closed.set()


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(senders, "BACK_OFF_S", (0.01,))
    monkeypatch.setattr(senders, "TOGETHER_S", 0.01)


def make(place, tmp_path, **how):
    lost = {}
    sender = Sender(
        place, str(tmp_path / "spool"), lambda name, count: lost.update({name: count}), **how
    )
    return sender, lost


def test_events_travel_in_order_and_the_end_waits_for_them(tmp_path, quick, event):
    place = Place()
    sender, lost = make(place, tmp_path)
    for seq in range(2000):
        sender(event(seq))
    assert sender.close(5) == 0
    assert place.got == list(range(2000))
    assert lost == {}
    assert place.closed.is_set()


def test_a_place_that_is_down_gets_everything_when_it_is_back(tmp_path, quick, event):
    place = Place()
    place.fail = SendFailed("down")
    sender, lost = make(place, tmp_path)
    for seq in range(100):
        sender(event(seq))
    until(lambda: place.calls > 3)
    place.fail = None
    until(lambda: len(place.got) == 100)
    assert sender.close(5) == 0
    assert place.got == list(range(100))


def test_a_place_that_stays_down_is_left_in_time_and_the_loss_is_counted(tmp_path, quick, event):
    place = Place()
    place.fail = SendFailed("down")
    sender, lost = make(place, tmp_path)
    for seq in range(7):
        sender(event(seq))
    assert sender.close(0.3) == 7
    assert lost == {"place": 7}


def test_what_is_refused_for_good_is_not_tried_for_ever(tmp_path, quick, event):
    place = Place()
    place.fail = SendFailed("bad", final=True)
    sender, lost = make(place, tmp_path)
    sender(event(1))
    until(lambda: place.calls == 1)
    place.fail = None
    sender(event(2))
    assert sender.close(5) == 1
    assert place.got == [2]


def test_the_heart_beats_in_the_senders_thread(tmp_path, quick):
    beats = []
    sender, _ = make(Place(), tmp_path, every=lambda: beats.append(1), every_s=0.01)
    until(lambda: len(beats) > 3)
    sender.close(1)


def test_one_event_that_is_refused_takes_no_other_along(tmp_path, quick, event):
    class Picky(Place):
        def send(self, events):
            self.calls += 1
            if any(one["seq"] == 77 for one in events):
                raise SendFailed("400", final=True)
            self.got += [one["seq"] for one in events]
    place = Picky()
    sender, lost = make(place, tmp_path)
    for seq in range(200):
        sender(event(seq))
    assert sender.close(10) == 1
    assert place.got == [seq for seq in range(200) if seq != 77]


def test_a_bug_in_a_transport_ends_no_story(tmp_path, quick, event):
    place = Place()
    place.fail = RuntimeError("a bug")
    sender, lost = make(place, tmp_path)
    sender(event(1))
    until(lambda: place.calls > 2)
    place.fail = None
    assert sender.close(5) == 0
    assert place.got == [1]


def test_an_event_that_cannot_be_told_ends_no_story(tmp_path, quick, event):
    place = Place()
    sender, lost = make(place, tmp_path, every=lambda: 1 / 0, every_s=0.01)
    sender(dict(event(1), odd={1, 2}))
    sender(event(2))
    until(lambda: place.got == [2])
    assert sender.close(5) == 1
    assert lost == {"place": 1}
