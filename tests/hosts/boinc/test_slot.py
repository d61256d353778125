"""The files of a BOINC slot, read and written as the client does."""

import fcntl
import os
import stat
import subprocess
import sys

import pytest

from pilot.hosts.boinc import slot

# takes the lock as another program of the slot does, and says whether it could
LOCKS = """
import fcntl, sys
with open(sys.argv[1], "w") as lock:
    try:
        fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        print("free")
    except OSError:
        print("taken")
"""


@pytest.mark.parametrize(
    "code, tasks, expected",
    [
        (0, 3, slot.SlotEnding(0)),
        (60, 0, slot.SlotEnding(0)),
        (10, 0, slot.SlotEnding(206)),
        (20, 0, slot.SlotEnding(206)),
        (30, 0, slot.SlotEnding(206)),
        (2, 0, slot.SlotEnding(206)),
        (1, 0, slot.SlotEnding(208)),
        (40, 1, slot.SlotEnding(208)),
        (0, 0, slot.SlotEnding(0, 15 * 60, False, "no work in the task queue")),
        (50, 0, slot.SlotEnding(0, 15 * 60, False, "the task queue cannot be reached")),
        (143, 1, slot.SlotEnding(0, finished=False)),
    ],
)
def test_what_boinc_is_told(code, tasks, expected):
    assert slot.choose_ending(code, tasks, True, False, "") == expected
    assert slot.ABORTED == 194


def test_a_reason_of_many_lines_is_one(tmp_path):
    slot.report_ending(str(tmp_path), slot.SlotEnding(0, 10 ** 9, False, "a\nb \n"))
    assert (tmp_path / "boinc_temporary_exit").read_text() == "86400\na b\n"


@pytest.mark.parametrize("aborted, status", [(True, slot.ABORTED), (False, 0)])
def test_a_pilot_that_a_signal_stopped_is_finished_for_nobody(aborted, status):
    assert slot.choose_ending(143, 1, True, aborted, "TERM") == (status, 0, False, "TERM")


def test_without_a_question_for_work_no_work_is_a_result():
    assert slot.choose_ending(0, 0, False, False, "").finished


def test_the_reason_of_an_unreachable_pool_is_told():
    assert slot.choose_ending(50, 0, True, False, "no route").reason == "no route"


def test_a_lock_that_was_taken_keeps_others_out(tmp_path):
    (tmp_path / slot.MEMORY).write_bytes(b"")
    lock = slot.take_lock(str(tmp_path))
    said = subprocess.check_output([sys.executable, "-c", LOCKS, str(tmp_path / slot.LOCK)])
    os.close(lock)
    assert said == b"taken\n"


def test_a_lock_of_another_is_left_to_it(tmp_path):
    (tmp_path / slot.MEMORY).write_bytes(b"")
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import fcntl, sys; lock = open(sys.argv[1], 'w'); fcntl.lockf(lock, fcntl.LOCK_EX)\n"
            "print('mine', flush=True); sys.stdin.read(); lock.close()",
            str(tmp_path / slot.LOCK),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert holder.stdout.readline() == b"mine\n"
    found = slot.take_lock(str(tmp_path))
    holder.communicate()
    assert found is None


def test_without_shared_memory_there_is_nothing_to_lock(tmp_path):
    assert slot.take_lock(str(tmp_path)) is None
    assert os.listdir(str(tmp_path)) == []


def test_a_lock_is_not_inherited_by_programs(tmp_path):
    (tmp_path / slot.MEMORY).write_bytes(b"")
    lock = slot.take_lock(str(tmp_path))
    flags = fcntl.fcntl(lock, fcntl.F_GETFD)
    os.close(lock)
    assert flags & fcntl.FD_CLOEXEC


@pytest.mark.parametrize(
    "text, target",
    [
        ("<soft_link>../../projects/p/f</soft_link>\n", "../../projects/p/f"),
        ("<soft_link> f </soft_link>", "f"),
        ("plain text", "link"),
        ("", "link"),
    ],
)
def test_a_soft_link_leads_to_its_file(tmp_path, text, target):
    (tmp_path / "link").write_text(text)
    assert slot.resolve_link(str(tmp_path / "link")) == str(tmp_path) + "/" + target


def test_a_file_that_is_not_there_is_itself(tmp_path):
    assert slot.resolve_link(str(tmp_path / "none")) == str(tmp_path / "none")


def test_a_file_that_is_left_may_be_read_by_the_client(tmp_path):
    assert slot.leave_file(str(tmp_path / "f"), "text") is None
    assert stat.S_IMODE((tmp_path / "f").stat().st_mode) == 0o644


def test_a_file_that_cannot_be_written_is_told_by_its_place(tmp_path):
    path = str(tmp_path / "none" / "f")
    assert slot.leave_file(path, "x") == (
        "%s could not be written: No such file or directory" % path
    )


@pytest.mark.parametrize(
    "text, line",
    [("a\n b\tc", "a b c"), ("", "no reason was given"), (" \n", "no reason was given")],
)
def test_a_reason_is_one_line_and_never_empty(text, line):
    assert slot.one_line(text) == line


def test_a_reason_is_bounded():
    assert len(slot.one_line("x" * 10000)) == 250


def test_a_finished_task_leaves_its_status_alone(tmp_path):
    assert slot.report_ending(str(tmp_path), slot.SlotEnding(206, reason="unfit")) is None
    assert (tmp_path / slot.FINISHED).read_text() == "206\n"
    assert os.listdir(str(tmp_path)) == [slot.FINISHED]


def test_a_task_that_is_to_be_started_again_leaves_nothing(tmp_path):
    slot.report_ending(str(tmp_path), slot.SlotEnding(0, finished=False))
    assert os.listdir(str(tmp_path)) == []
