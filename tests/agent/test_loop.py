"""The event loop: timers, signals, children, pipes."""

import os
import signal

from pilot.agent.loop import ChildExit, exit_code
from pilot.base import process


def test_timers_come_in_order_and_can_be_taken_back(loop):
    told = []
    loop.after(0.02, lambda: told.append("late"))
    loop.after(0.0, lambda: told.append("soon"))
    loop.after(0.01, lambda: told.append("never")).cancel()
    loop.after(0.05, loop.stop)
    loop.run()
    assert told == ["soon", "late"]


def test_a_signal_wakes_the_loop(loop):
    loop.after(0, lambda: os.kill(os.getpid(), signal.SIGUSR1))
    loop.after(0.1, loop.stop)
    loop.run()
    assert loop.heard == [signal.SIGUSR1]


def test_a_child_that_ends_is_told_with_what_it_used(loop):
    child = process.spawn(["bash", "-c", "exit 3"])
    told = []

    def dead(ended):
        child.returncode = ended.code
        told.append(ended)
        loop.stop()

    loop.watch_child(child.pid, lambda: told.append("dying"), dead)
    loop.run()
    assert told[0] == "dying"
    assert isinstance(told[1], ChildExit)
    assert told[1].code == 3


def test_a_reader_that_goes_is_noticed(loop):
    read, write = os.pipe()
    loop.watch_broken(write, loop.stop)
    loop.after(0.01, lambda: os.close(read))
    loop.run()
    os.close(write)


def test_a_regular_file_as_output_is_no_harm(loop, tmp_path):
    with open(str(tmp_path / "f"), "w") as stream:
        loop.watch_broken(stream.fileno(), loop.stop)


def test_exit_codes_are_those_of_subprocess():
    assert exit_code(3 << 8) == 3
    assert exit_code(9) == -9
