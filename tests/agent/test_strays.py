"""What a payload leaves to the agent: whose it is, and its end."""

import os
import signal
import subprocess

import pytest

from pilot.agent import marks
from pilot.agent.strays import OwnChildren, Strays
from pilot.base import process, process_tree
from tests.agent.running import ESCAPE, PLAN, BusyPilot, gone, look, put, shown, started
from tests.conftest import steady, until


def test_what_a_payload_leaves_behind_is_ended_with_it(run, tmp_path):
    script = (
        "(setsid sh -c 'echo $$ > %s/pid; exec sleep 300' &) ; while ! test -s %s/pid; do :; done"
        % (tmp_path, tmp_path)
    )
    ended = run([{"id": "a", "script": script}, {"id": "b", "command": ["sleep", "0.3"]}])
    assert ended.report["tasks"]["done"] == 2
    until(lambda: gone(int((tmp_path / "pid").read_text())), what="the daemon's end")


@pytest.mark.slow
def test_what_hides_its_mark_is_ended_with_a_killed_agent(tmp_path, start_pilot):
    busy = BusyPilot(tmp_path, start_pilot, "(" + ESCAPE % ((tmp_path,) * 3) + ")\nsleep 300")
    hidden = int(until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text()))
    began = steady()
    until(lambda: steady() - began > 2.2, what="two samples")
    os.kill(busy.agent, signal.SIGKILL)
    until(lambda: gone(hidden) and gone(busy.payload), 6, "the end of all")


def test_what_hides_its_mark_lives_as_long_as_its_payload_and_no_longer(run, tmp_path):
    first = (
        "("
        + ESCAPE % ((tmp_path,) * 3)
        + ")\nwhile ! test -s %s/pid; do sleep 0.05; done\nsleep 2.5; kill -0 $(cat %s/pid)"
        % (tmp_path, tmp_path)
    )
    ended = run(
        [{"id": "a", "script": first, "max_attempts": 1}]
        + [{"id": "b%d" % n, "command": ["sleep", "0.3"]} for n in range(4)],
        "--slots",
        "2",
    )
    assert ended.report["tasks"]["done"] == 5, shown(ended, "a")
    until(lambda: gone(int((tmp_path / "pid").read_text())), 5, "the helper's end")


@pytest.mark.parametrize("hide", ["setsid", "env -i setsid"])
def test_a_task_is_over_only_when_its_strays_are_dead(pool, start_pilot, tmp_path, hide):
    stray = "(%s sh -c 'trap \"\" TERM; echo $$ > %s/stray; while :; do sleep 1; done' &)" % (
        hide,
        tmp_path,
    )
    put(
        pool,
        {"id": "long", "script": "trap '' TERM; while :; do sleep 0.1; done", "priority": 5},
        {"id": "a", "script": stray + "; while ! test -s %s/stray; do sleep 0.01; done" % tmp_path},
    )
    child = start_pilot(
        *(PLAN + ("--pool", pool, "--workdir", str(tmp_path / "w"), "--slots", "2"))
    )
    pid = started(tmp_path, "stray")
    until(lambda: look(pool, "a")["state"] == "done")
    assert gone(pid)
    child.terminate()
    assert child.wait(timeout=60) == 143


def test_a_task_is_given_back_only_when_its_strays_are_dead(pool, start_pilot, tmp_path):
    stray = (
        "(setsid sh -c 'trap \"\" TERM; echo $$ > %s/stray; while :; do sleep 1; done' &)"
        % tmp_path
    )
    put(
        pool,
        {"id": "long", "script": "trap '' TERM; while :; do sleep 0.1; done", "priority": 5},
        {"id": "a", "script": stray + "; exec sleep 300"},
    )
    child = start_pilot(
        *(PLAN + ("--pool", pool, "--workdir", str(tmp_path / "w"), "--slots", "2"))
    )
    pid = started(tmp_path, "stray")
    child.terminate()
    until(lambda: look(pool, "a")["state"] == "todo")
    assert gone(pid)
    assert child.wait(timeout=60) == 143


@pytest.fixture
def child():
    """Starts a program that lives until the test's end: `child("sleep 300")`."""
    children = []

    def start(text, **how):
        one = process.spawn(["sh", "-c", text], stdout=subprocess.PIPE, **how)
        children.append(one)
        return one

    yield start
    for one in children:
        process_tree.send_group(one.pid, signal.SIGKILL)
        one.wait()
        one.stdout.close()


def test_our_children_are_those_that_we_have_not_waited_for(child):
    mine, one = OwnChildren(), child("exec sleep 300")
    assert one.pid in mine.pids()


def test_a_child_that_was_waited_for_is_ours_no_more(child):
    mine, one = OwnChildren(), child("exit 0")
    one.wait()
    assert one.pid not in mine.pids()


def test_more_children_than_the_kernel_surely_tells_at_once_are_all_found():
    """Six bytes each: together more than half a page."""
    read, write = os.pipe()
    many = [process.spawn(["cat"], stdin=read) for _ in range(400)]
    os.close(read)
    found = OwnChildren().pids()
    os.close(write)  # what reads from it ends
    for one in many:
        one.wait()
    assert {one.pid for one in many} <= set(found)


def test_a_payloads_tree_is_its_leader_and_all_below(child, books):
    leader = child("sleep 300 & echo $!; wait")
    below = int(leader.stdout.readline())
    strays = Strays(books)
    strays.began(leader.pid, "p/a.1", 1, None)
    assert {one.pid for one in strays.tree(leader.pid, "p/a.1")} == {leader.pid, below}


def test_the_warden_hears_of_each_process_of_a_tree_once(child, books):
    leader = child("echo up; exec sleep 300")
    leader.stdout.readline()
    strays = Strays(books)
    strays.began(leader.pid, "p/a.1", 1, None)
    for _ in range(3):
        strays.tree(leader.pid, "p/a.1")
    assert [words[2] for words in books.told if words[0] == "saw"] == [leader.pid]


def test_the_warden_hears_of_leases_and_ends(books):
    strays = Strays(books)
    strays.began(4194303, "p/a.1", 7, 100.0)
    strays.until(4194303, 200.0)
    strays.ended(4194303)
    strays.settled()
    assert books.told == [
        ("began", 4194303, 7, 100.0),
        ("until", 4194303, 200.0),
        ("ended", 4194303),
        ("flush",),
    ]


def test_what_bears_the_mark_of_a_payload_that_is_over_is_swept(child, books):
    leader, environ = child("exec sleep 300"), dict(os.environ, PILOT_PAYLOAD="p/over.1")
    strays, orphan = Strays(books), child("echo up; exec sleep 300", env=environ)
    orphan.stdout.readline()
    strays.began(leader.pid, "p/a.1", 1, None)
    strays.sweep()
    assert orphan.wait() == -signal.SIGKILL


def test_what_bears_the_mark_of_a_payload_that_runs_is_left_alone(child, books):
    leader, environ = child("exec sleep 300"), dict(os.environ, PILOT_PAYLOAD="p/a.1")
    strays, orphan = Strays(books), child("echo up; exec sleep 300", env=environ)
    orphan.stdout.readline()
    strays.began(leader.pid, "p/a.1", 1, None)
    strays.sweep()
    assert orphan.poll() is None


def test_what_hid_in_another_session_ends_with_its_leader(child, books):
    leader = child("exec sleep 300")
    with marks.marked_children(4711):
        orphan = child("echo up; exec sleep 300", env={"PATH": os.environ["PATH"]})
    orphan.stdout.readline()
    strays = Strays(books)
    strays.began(leader.pid, "p/a.1", 4711, None)
    strays.ended(leader.pid)
    assert orphan.wait() == -signal.SIGKILL
