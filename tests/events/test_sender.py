import threading

import pytest

from pilot.events import sender as senders
from pilot.events.outbox import Outbox
from pilot.events.sender import Sender, SendFailed, Transport
from tests.conftest import until


def event(seq, kind="x", text=""):
    return {"pilot": "p", "seq": seq, "time": "t", "event": kind, "text": text}


def emptied(box):
    found = []
    while len(box):
        batch = box.peek()
        found += [one["seq"] for one in batch]
        box.sent(len(batch))
    return found


@pytest.mark.parametrize("memory", [0, 300, 1 << 20])
def test_events_come_out_in_order_from_memory_and_file(tmp_path, memory):
    box = Outbox(str(tmp_path / "spool"), memory)
    for seq in range(50):
        box.put(event(seq))
    first = box.peek()[:3]
    box.sent(3)
    for seq in range(50, 1300):
        box.put(event(seq))
    assert [one["seq"] for one in first] + emptied(box) == list(range(1300)) and box.lost == 0
    box.put(event(5000))
    assert emptied(box) == [5000]
    assert list(tmp_path.iterdir()) == []
    box.close()


def test_what_finds_no_room_is_counted_log_lines_first(tmp_path):
    box = Outbox(str(tmp_path / "spool"), 0, 8000)
    for seq in range(200):
        box.put(event(seq, "log" if seq % 2 else "task finished"))
    kept = emptied(box)
    assert box.lost == 200 - len(kept) and len(kept) > 50
    box.close()
    assert sum(1 for seq in kept if seq % 2) < sum(1 for seq in kept if not seq % 2)


def test_a_spool_that_cannot_be_written_loses_only_what_does_not_fit_in_memory():
    box = Outbox("/proc/none/spool", 200)
    for seq in range(20):
        box.put(event(seq))
    kept = len(box)
    assert 0 < kept < 20 and box.lost == 20 - kept and emptied(box) == list(range(kept))


class BrokerPlace(Transport):
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


def test_events_travel_in_order_and_the_end_waits_for_them(tmp_path, quick):
    place = BrokerPlace()
    sender, lost = make(place, tmp_path)
    for seq in range(2000):
        sender(event(seq))
    assert (
        sender.close(5) == 0
        and place.got == list(range(2000))
        and lost == {}
        and place.closed.is_set()
    )


def test_a_place_that_is_down_gets_everything_when_it_is_back(tmp_path, quick):
    place = BrokerPlace()
    place.fail = SendFailed("down")
    sender, lost = make(place, tmp_path)
    for seq in range(100):
        sender(event(seq))
    until(lambda: place.calls > 3)
    place.fail = None
    until(lambda: len(place.got) == 100)
    assert sender.close(5) == 0 and place.got == list(range(100))


def test_a_place_that_stays_down_is_left_in_time_and_the_loss_is_counted(tmp_path, quick):
    place = BrokerPlace()
    place.fail = SendFailed("down")
    sender, lost = make(place, tmp_path)
    for seq in range(7):
        sender(event(seq))
    assert sender.close(0.3) == 7 and lost == {"place": 7}


def test_what_is_refused_for_good_is_not_tried_for_ever(tmp_path, quick):
    place = BrokerPlace()
    place.fail = SendFailed("bad", final=True)
    sender, lost = make(place, tmp_path)
    sender(event(1))
    until(lambda: place.calls == 1)
    place.fail = None
    sender(event(2))
    assert sender.close(5) == 1 and place.got == [2]


def test_the_heart_beats_in_the_senders_thread(tmp_path, quick):
    beats = []
    sender, _ = make(BrokerPlace(), tmp_path, every=lambda: beats.append(1), every_s=0.01)
    until(lambda: len(beats) > 3)
    sender.close(1)


def test_one_event_that_is_refused_takes_no_other_along(tmp_path, quick):
    class Picky(BrokerPlace):
        def send(self, events):
            self.calls += 1
            if any(one["seq"] == 77 for one in events):
                raise SendFailed("400", final=True)
            self.got += [one["seq"] for one in events]
    place = Picky()
    sender, lost = make(place, tmp_path)
    for seq in range(200):
        sender(event(seq))
    assert sender.close(10) == 1 and place.got == [seq for seq in range(200) if seq != 77]


def test_a_bug_in_a_transport_ends_no_story(tmp_path, quick):
    place = BrokerPlace()
    place.fail = RuntimeError("a bug")
    sender, lost = make(place, tmp_path)
    sender(event(1))
    until(lambda: place.calls > 2)
    place.fail = None
    assert sender.close(5) == 0 and place.got == [1]


def test_half_a_line_on_a_full_disk_is_no_line(tmp_path):
    box = Outbox(str(tmp_path / "spool"), 0)
    box.put(event(1))
    real = box._file

    class Full:
        def write(self, line):
            return real.write(line[:5])

        def __getattr__(self, name):
            return getattr(real, name)
    box._file = Full()
    box.put(event(2))
    box._file = real
    box.put(event(3))
    assert emptied(box) == [1, 3] and box.lost == 1
    box.close()


def test_a_spool_is_no_file_of_others(tmp_path):
    (tmp_path / "victim").write_text("precious")
    (tmp_path / "spool").symlink_to(tmp_path / "victim")
    box = Outbox(str(tmp_path / "spool"), 0)
    box.put(event(1))
    assert box.lost == 1 and (tmp_path / "victim").read_text() == "precious"


def test_a_large_spool_goes_out_in_order(tmp_path):
    box = Outbox(str(tmp_path / "spool"), 0)
    for seq in range(20000):
        box.put(event(seq, text="x" * 900))
    assert emptied(box) == list(range(20000))
    box.close()


def test_an_event_that_cannot_be_told_ends_no_story(tmp_path, quick):
    place = BrokerPlace()
    sender, lost = make(place, tmp_path, every=lambda: 1 / 0, every_s=0.01)
    sender(dict(event(1), odd={1, 2}))
    sender(event(2))
    until(lambda: place.got == [2])
    assert sender.close(5) == 1 and lost == {"place": 1}


def test_long_log_records_become_events_of_a_bearable_size():
    import logging

    from pilot.events.log_lines import MOST_CHARACTERS, LogLines
    from pilot.base.log import Masker
    got = []
    lines = LogLines(Masker(), got.append)
    lines.handle(
        logging.LogRecord("pilot.x", logging.INFO, "f", 1, "\n".join(["y" * 3900] * 80), (), None)
    )
    lines.flush_lines()
    assert (
        sum(len(part) for part in got) == 80
        and max(sum(map(len, part)) for part in got) <= MOST_CHARACTERS
    )
