"""The book survives crashes; its durations do not depend on the time of day."""

import sqlite3
import threading

import pytest

from pilot.errors import UsageError
from pilot.ops.factory import book_file
from pilot.ops.factory.book import Book, new_pilot
from tests.ops.factory.conftest import Turned

TAG = "pabcdefghjkm"


@pytest.fixture
def book(tmp_path):
    one = Book(str(tmp_path), Turned())
    yield one
    one.close()


def send(book, tag=TAG, pilots=2, site="main"):
    book.note_intent(tag, site, "memory", pilots, "sha")
    book.note_sent(tag, "17", ["17_%d" % number for number in range(pilots)])


def test_an_intent_is_on_disk_before_anything_else(book, tmp_path):
    book.note_intent(TAG, "main", "memory", 3, "sha")
    other = Book(str(tmp_path), book.clock)
    assert [(one.tag, one.pilots, one.state) for one in other.open_intents()] == [(TAG, 3, "intent")]
    other.close()


def test_the_file_is_written_through(book):
    assert book._db.execute("PRAGMA synchronous").fetchone() == (2,)


def test_a_tag_is_used_once(book):
    book.note_intent(TAG, "main", "memory", 1, "")
    with pytest.raises(sqlite3.IntegrityError):
        book.note_intent(TAG, "main", "memory", 1, "")


def test_pilots_of_a_submission(book):
    send(book)
    assert [(one.pilot, one.job, one.state) for one in book.live_pilots()] == [
        (TAG + "-0", "17_0", "pending"), (TAG + "-1", "17_1", "pending"),
    ]
    assert book.find_pilot("nobody") is None


def test_ended_pilots_are_no_live_ones_and_are_forgotten(book):
    send(book)
    ended = [one._replace(ended=book.clock.unix_s(), state="ok") for one in book.live_pilots()]
    book.update_pilots(ended)
    assert (book.live_pilots(), len(book.ended_pilots("main", 60))) == ([], 2)
    assert book.ended_submissions(10) == [TAG]
    book.note_outcome(TAG, "closed", "")
    book.clock.pass_time(100)
    assert book.forget(1000) == []
    assert book.forget(50) == [TAG]
    assert (book.ended_pilots("main", 1e6), book.knows_tag(TAG)) == ([], False)


def test_the_reason_of_a_pilot_that_has_ended_meanwhile_stays(book):
    first, second = (new_pilot("pabcdefghjkm", number, "main", str(number), 1.0) for number in (0, 1))
    book.update_pilots([first, second._replace(ended=2.0, state="ok", exit_code=0)])
    book.note_reason([first, second], "cancelled")
    assert book.find_pilot(first.pilot).reason == "cancelled"
    assert book.find_pilot(second.pilot)[:] == second._replace(ended=2.0, state="ok", exit_code=0)


def test_a_live_pilot_is_never_forgotten(book):
    send(book)
    book.clock.pass_time(1e6)
    assert book.forget(1.0) == []
    assert len(book.live_pilots()) == 2


def test_doubtful_submissions_count_towards_the_rate(book):
    book.note_intent("pbbbbbbbbbbb", "main", "memory", 3, "")
    book.note_outcome("pbbbbbbbbbbb", "doubtful", "?")
    book.note_intent("pcccccccccccc"[:12], "main", "memory", 5, "")
    book.note_outcome("pcccccccccccc"[:12], "refused", "no")
    assert book.count_lately("main", 60) == 3
    book.clock.pass_time(61)
    assert book.count_lately("main", 60) == 0


def test_setting_the_clock_moves_no_duration(book):
    send(book)
    book.clock.set_time(-86400)
    assert book.silent_s("main") == 0.0
    book.notes.note_refusal("main", "no")
    book.clock.set_time(3 * 86400)
    assert book.notes.refusal("main").until_s - book.clock.boot_s() == 60.0


def test_after_a_restart_of_the_machine_durations_begin_anew(book, tmp_path, monkeypatch):
    book.note_intent(TAG, "main", "memory", 1, "")
    book.notes.note_wanted("main", 5, 3600)
    book.close()
    monkeypatch.setattr(book_file, "boot_id", lambda: "another")
    clock = Turned()
    clock.boot = 3.0  # the boot clock began at 0
    again = Book(str(tmp_path), clock)
    assert again.open_intents()[0].made_s == 3.0
    assert again.notes.wanted("main", 3600) == ()
    again.close()
    book._file.db = sqlite3.connect(":memory:")  # the fixture closes it


def test_back_off_doubles_up_to_half_an_hour_and_ends_with_success(book):
    waits = []
    for _ in range(8):
        book.notes.note_refusal("main", "no")
        waits.append(book.notes.refusal("main").until_s - book.clock.boot_s())
    assert waits == [60.0, 120.0, 240.0, 480.0, 960.0, 1800.0, 1800.0, 1800.0]
    book.notes.end_back_off("main")
    assert book.notes.refusal("main") is None


def test_several_verbs_write_at_once(book, tmp_path):
    def write(number):
        other = Book(str(tmp_path), book.clock)
        for step in range(20):
            other.notes.switch("site-%d-%d" % (number, step), "paused")
        other.close()

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(book.notes.switches()) == 80


def test_another_version_is_told(tmp_path):
    one = Book(str(tmp_path))
    one._db.execute("UPDATE meta SET value = '99' WHERE name = 'version'")
    one.close()
    with pytest.raises(UsageError, match="is a book of version 99"):
        Book(str(tmp_path))


def test_what_is_no_book_is_told(tmp_path):
    (tmp_path / "book.sqlite").write_text("nonsense" * 1000)
    with pytest.raises(UsageError, match="cannot be used: file is not a database"):
        Book(str(tmp_path))
