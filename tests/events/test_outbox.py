"""Events that wait: in order, bounded, in memory and in a file that is nobody else's."""

import os

import pytest

from pilot.events.outbox import BATCH_BYTES, BATCH_EVENTS, Outbox


def emptied(box):
    found = []
    while len(box):
        batch = box.peek_batch()
        found += [one["seq"] for one in batch]
        box.drop_sent(len(batch))
    return found


@pytest.mark.parametrize("memory", [0, 300, 1 << 20])
def test_events_come_out_in_order_from_memory_and_file(tmp_path, memory, event):
    box = Outbox(str(tmp_path / "spool"), memory)
    for seq in range(50):
        box.put_event(event(seq))
    first = box.peek_batch()[:3]
    box.drop_sent(3)
    for seq in range(50, 1300):
        box.put_event(event(seq))
    assert [one["seq"] for one in first] + emptied(box) == list(range(1300))
    assert box.lost == 0
    box.put_event(event(5000))
    assert emptied(box) == [5000]
    assert list(tmp_path.iterdir()) == []
    box.close()


def test_what_finds_no_room_is_counted_log_lines_first(tmp_path, event):
    box = Outbox(str(tmp_path / "spool"), 0, 8000)
    for seq in range(200):
        box.put_event(event(seq, "log" if seq % 2 else "task finished"))
    kept = emptied(box)
    assert box.lost == 200 - len(kept)
    assert len(kept) > 50
    box.close()
    assert sum(1 for seq in kept if seq % 2) < sum(1 for seq in kept if not seq % 2)


def test_a_spool_that_cannot_be_written_loses_only_what_does_not_fit_in_memory(event):
    box = Outbox("/proc/none/spool", 200)
    for seq in range(20):
        box.put_event(event(seq))
    kept = len(box)
    assert 0 < kept < 20
    assert box.lost == 20 - kept
    assert emptied(box) == list(range(kept))


def test_half_a_line_on_a_full_disk_is_no_line(tmp_path, event):
    box = Outbox(str(tmp_path / "spool"), 0)
    box.put_event(event(1))
    real = box._file

    class Full:
        def write(self, line):
            return real.write(line[:5])

        def __getattr__(self, name):
            return getattr(real, name)
    box._file = Full()
    box.put_event(event(2))
    box._file = real
    box.put_event(event(3))
    assert emptied(box) == [1, 3]
    assert box.lost == 1
    box.close()


def test_a_spool_is_no_file_of_others(tmp_path, event):
    (tmp_path / "victim").write_text("precious")
    (tmp_path / "spool").symlink_to(tmp_path / "victim")
    box = Outbox(str(tmp_path / "spool"), 0)
    box.put_event(event(1))
    assert box.lost == 1
    assert (tmp_path / "victim").read_text() == "precious"


def test_a_large_spool_goes_out_in_order(tmp_path, event):
    box = Outbox(str(tmp_path / "spool"), 0)
    for seq in range(20000):
        box.put_event(event(seq, text="x" * 900))
    assert emptied(box) == list(range(20000))
    box.close()


def test_no_more_is_shown_than_was_asked_for(tmp_path, event):
    box = Outbox(str(tmp_path / "spool"))
    for seq in range(5):
        box.put_event(event(seq))
    assert [one["seq"] for one in box.peek_batch(3)] == [0, 1, 2]


def test_a_message_holds_no_more_than_its_events(tmp_path, event):
    box = Outbox(str(tmp_path / "spool"))
    for seq in range(BATCH_EVENTS + 1):
        box.put_event(event(seq))
    assert len(box.peek_batch()) == BATCH_EVENTS


def test_a_message_holds_no_more_than_its_bytes(tmp_path, event):
    box = Outbox(str(tmp_path / "spool"))
    for seq in range(3):
        box.put_event(event(seq, text="x" * (BATCH_BYTES // 2)))
    assert len(box.peek_batch()) == 1


def test_what_was_shown_and_not_sent_is_shown_again(tmp_path, event):
    box = Outbox(str(tmp_path / "spool"), 0)
    box.put_event(event(1))
    box.peek_batch()
    assert [one["seq"] for one in box.peek_batch()] == [1]
    box.close()


def test_an_event_larger_than_any_message_finds_no_room_in_the_file(tmp_path, event):
    box = Outbox(str(tmp_path / "spool"), 0)
    box.put_event(event(1, text="x" * BATCH_BYTES))
    assert (len(box), box.lost) == (0, 1)


def test_what_was_sent_gives_its_room_back(tmp_path, event):
    box = Outbox(str(tmp_path / "spool"), 0, 8000)
    for seq in range(1000):
        box.put_event(event(seq))
        if seq % 10 == 9:
            box.drop_sent(len(box.peek_batch()))
    assert box.lost == 0
    box.close()


def test_nobody_finds_the_spool_in_its_folder(tmp_path, event):
    box = Outbox(str(tmp_path / "spool"), 0)
    box.put_event(event(1))
    assert os.listdir(str(tmp_path)) == []
    box.close()


def test_an_empty_box_has_nothing_to_show(tmp_path):
    assert Outbox(str(tmp_path / "spool")).peek_batch() == []
