import os
import signal

from pilot.base import process, process_tree
from tests.conftest import until


def test_a_stat_line_is_read_whatever_the_name():
    line = "42 (a) b (c) S 7 42 40 0 -1 4194304 1 2 3 4 100 50 25 25 20 0 1 0 12345 1000 256 rest"
    found = process_tree.parse_stat(line)
    assert (found.pid, found.parent, found.session, found.state, found.started) == (
        42,
        7,
        40,
        "S",
        12345,
    )
    assert found.cpu_s == 200.0 / os.sysconf("SC_CLK_TCK")
    assert found.rss_mb == 256 * os.sysconf("SC_PAGE_SIZE") / 1048576.0


def test_descendants_in_other_sessions_are_found_and_signalled():
    child = process.spawn(["bash", "-c", "setsid sleep 300 & sleep 300"])
    try:
        assert until(
            lambda: sorted(p.session == child.pid for p in process_tree.descendants(child.pid))
            == [False, True]
        )
        tree = process_tree.descendants(child.pid)
        assert process_tree.total(tree + [process_tree.look_up(child.pid)]).processes == 3
        assert process_tree.send(tree, signal.SIGKILL) == 2
    finally:
        process_tree.send_group(child.pid)
        child.wait()


def test_a_later_process_with_the_same_pid_is_never_signalled():
    child = process.spawn(["sleep", "300"])
    try:
        impostor = process_tree.look_up(child.pid)._replace(started=1)
        assert process_tree.send([impostor], signal.SIGKILL) == 0
        assert child.poll() is None
    finally:
        child.kill()
        child.wait()


def test_a_variable_of_its_environment_tells_whose_a_process_is():
    child = process.spawn(["sleep", "300"], env={"MARK": "mine", "PATH": os.environ["PATH"]})
    try:
        assert until(lambda: process_tree.variable(child.pid, "MARK") == "mine")
        assert process_tree.variable(child.pid, "MAR") is None
    finally:
        child.kill()
        child.wait()


def test_what_is_gone_uses_nothing():
    child = process.spawn(["true"])
    child.wait()
    assert process_tree.look_up(child.pid) is None
    assert process_tree.total([]) == (0, 0, 0)
    assert process_tree.variable(child.pid, "A") is None
