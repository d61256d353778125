"""The bar that a person at a terminal sees."""

import logging
import os
import pty
import re
import subprocess
import sys

import pytest

from pilot.base.log import LineHandler, Masker
from pilot.events import bar as bars
from pilot.events import event as events
from pilot.events.bar import CLEAR, Bar
from pilot.events.tally import TaskTally
from tests.conftest import ROOT


def at_a_terminal(tmp_path, *words):
    """What a person sees; returns (code, text)."""
    ours, theirs = pty.openpty()
    child = subprocess.Popen(
        [
            sys.executable,
            str(ROOT / "pilot.py"),
            "-X",
            "CheckWorkerNode,LaunchAgent",
            "--workdir",
            str(tmp_path),
        ]
        + list(words),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    seen = b""
    while True:
        try:
            data = os.read(ours, 65536)
        except OSError:  # the last one has closed it
            break
        if not data:
            break
        seen += data
    os.close(ours)
    return child.wait(timeout=20), seen.decode()


def test_a_person_at_a_terminal_sees_a_bar_and_a_file_does_not(tmp_path, tasks_file, pilot):
    path = tasks_file(*[{"id": "t%d" % n, "command": ["sleep", "0.3"]} for n in range(4)])
    code, seen = at_a_terminal(tmp_path, "--tasks", path, "--slots", "1")
    assert code == 0
    assert re.search(r"\[#+\.+\] [1-3] of 4 tasks", seen)
    assert "tasks            4 done" in seen
    assert not re.search(
        r"\] \d of 4 tasks[^\r\n]*\n", seen
    ), "a log line was written behind the bar"
    ended = pilot("-X", "CheckWorkerNode,LaunchAgent", "--tasks", path)
    assert "\033[" not in ended.err + ended.out
    assert " of 4 tasks" not in ended.err


@pytest.fixture
def drawn(tmp_path, monkeypatch):
    """A bar of four tasks with the console beside it; `drawn.text()` is what they wrote."""
    monkeypatch.setattr(bars, "EVERY_S", 0.0)

    class Drawn:
        descriptor = os.open(str(tmp_path / "terminal"), os.O_RDWR | os.O_CREAT)
        tally = TaskTally()
        console = LineHandler(descriptor, Masker())
        bar = Bar(descriptor, console, tally, 4)

        def tell(self, kind, **fields):
            event = dict(fields, event=kind)
            self.tally(event)
            self.bar(event)

        def text(self):
            return (tmp_path / "terminal").read_bytes().decode()

    yield Drawn()
    os.close(Drawn.descriptor)


def test_a_task_that_begins_is_drawn_as_running(drawn):
    drawn.tell(events.TASK_STARTED, task="a")
    assert drawn.text() == CLEAR + "[%s] 0 of 4 tasks, 1 running" % ("." * 30)


def test_a_task_that_ends_moves_the_bar(drawn):
    drawn.tell(events.TASK_FINISHED, task="a", outcome="done")
    assert "] 1 of 4 tasks" in drawn.text()


def test_a_log_line_clears_the_bar_first(drawn):
    drawn.tell(events.TASK_STARTED, task="a")
    before = drawn.text()
    drawn.console.handle(logging.LogRecord("pilot.x", logging.INFO, "f", 1, "hello", (), None))
    assert drawn.text()[len(before):].startswith(CLEAR)


def test_the_commands_end_takes_the_bar_away(drawn):
    drawn.tell(events.TASK_STARTED, task="a")
    drawn.tell(events.COMMAND_FINISHED)
    assert drawn.text().endswith(CLEAR)
    assert drawn.console.before == ""


def test_a_command_without_tasks_draws_nothing(drawn):
    drawn.tell(events.COMMAND_STARTED)
    drawn.tell(events.COMMAND_FINISHED)
    assert drawn.text() == ""


def test_many_tasks_at_once_are_drawn_once(drawn, monkeypatch):
    monkeypatch.setattr(bars, "EVERY_S", 3600.0)
    drawn.bar._drawn = -1e9
    for number in range(20):
        drawn.tell(events.TASK_STARTED, task="t%d" % number)
    assert drawn.text().count(CLEAR) == 1


def test_a_terminal_that_has_gone_hurts_nobody(drawn):
    with open("/dev/full", "wb") as gone:
        one = Bar(gone.fileno(), drawn.console, drawn.tally, 4)
        one({"event": events.TASK_STARTED, "task": "a"})
    assert drawn.console.before == CLEAR
