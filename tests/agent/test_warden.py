"""The warden as a process of its own."""

import os
import signal
import subprocess
import sys

import pytest

from pilot.agent import marks
from pilot.agent.clock import boot_s
from pilot.agent.warden_client import NOBODYS, Warden
from pilot.base import process, process_tree
from tests.agent.running import PLAN, BusyPilot, agent_of, gone, put, sleeper, started
from tests.conftest import ROOT, steady, until


def test_a_warden_ends_what_was_seen_and_never_itself(tmp_path):
    seen = process.spawn(["sleep", "300"], env={"PATH": os.environ["PATH"]})
    nobodys = process.spawn(["sleep", "300"], env={"PATH": os.environ["PATH"]})
    stranger = process.spawn(["sleep", "300"], env={"PATH": os.environ["PATH"]})
    try:
        warden = Warden(
            [sys.executable, "-m", "pilot.agent.warden"], "no process bears this mark", 0.2
        )
        warden.began(999999999, 1)
        for group, child in ((999999999, seen), (NOBODYS, nobodys)):
            warden.saw(group, child.pid, process_tree.look_up(child.pid).started)
        warden.close()
        assert os.waitpid(warden.pid, 0)[1] == 0
        assert seen.wait(5) == nobodys.wait(5) == -signal.SIGKILL
        assert stranger.poll() is None
    finally:
        for child in (seen, nobodys, stranger):
            child.kill()
            child.wait()


def test_a_new_warden_hears_all_that_matters_however_much_there_was(tmp_path):
    victim = process.spawn(["sleep", "60"], env={"PATH": os.environ["PATH"]})
    warden = Warden([sys.executable, "-m", "pilot.agent.warden"], "nobody bears this mark", 0.2)
    try:
        warden.began(victim.pid, 1)
        warden.until(victim.pid, boot_s() + 60)
        for pid in range(4000000, 4010000):  # children that came and went
            warden.saw(victim.pid, pid, 1)
        os.kill(warden.pid, signal.SIGKILL)
        os.waitpid(warden.pid, 0)
        warden.replace()
        warden.until(victim.pid, boot_s() + 0.2)
        assert victim.wait(timeout=60) == -signal.SIGKILL
    finally:
        warden.close()
        os.waitpid(warden.pid, 0)
        victim.kill()
        victim.wait()


def test_what_a_full_pipe_cannot_take_is_sent_later():
    victim = process.spawn(["sleep", "60"], env={"PATH": os.environ["PATH"]})
    warden = Warden([sys.executable, "-m", "pilot.agent.warden"], "nobody bears this mark", 0.2)
    try:
        os.kill(warden.pid, signal.SIGSTOP)
        for pid in range(4000000, 4010000):
            warden.saw(victim.pid, pid, 1)
        warden.began(victim.pid, 1, boot_s() + 0.2)
        os.kill(warden.pid, signal.SIGCONT)
        until(lambda: warden.flush() or victim.poll() == -signal.SIGKILL)
    finally:
        warden.close()
        os.waitpid(warden.pid, 0)
        victim.kill()
        victim.wait()


def test_a_warden_knows_what_left_its_group_by_its_mark():
    """The agent was frozen before it could see it: a daemon with an empty environment whose
    leader has ended."""
    with marks.marked_children(4711):
        leader = process.spawn(
            ["sh", "-c", "env -i setsid sleep 60 & echo $!"],
            stdout=subprocess.PIPE,
            env={"PATH": os.environ["PATH"]},
        )
    with marks.marked_children(4712):
        other = process.spawn(["sleep", "60"], env={"PATH": os.environ["PATH"]})
    warden = Warden([sys.executable, "-m", "pilot.agent.warden"], "nobody bears this mark", 0.2)
    try:
        warden.began(leader.pid, 4711)
        stray = int(leader.stdout.readline())
        assert leader.wait(timeout=60) == 0
        assert process_tree.look_up(stray)
        warden.until(leader.pid, boot_s() + 0.2)
        until(
            lambda: process_tree.look_up(stray) is None or process_tree.look_up(stray).state == "Z"
        )
        assert other.poll() is None
    finally:
        warden.close()
        os.waitpid(warden.pid, 0)
        leader.stdout.close()
        other.kill()
        other.wait()


STARTER = """
import os, signal, sys
from pilot.agent import marks
from pilot.agent.clock import boot_s
from pilot.agent.warden_client import Warden
from pilot.base import process

warden = Warden([sys.executable, "-m", "pilot.agent.warden"], "nobody bears this mark", 0.2)
number = marks.Marks().new()  # other tests' wardens look at all processes
with marks.marked_children(number):
    payload = process.spawn(["sleep", "60"], env={"PATH": os.environ["PATH"]})
    warden.began(payload.pid, number, boot_s() + 0.2)
    assert payload.wait(60) == -signal.SIGKILL
warden.close()
os.waitpid(warden.pid, 0)
"""


def test_a_warden_spares_an_agent_that_stands_still_while_it_starts_a_payload():
    """Its own limits carry the payload's number then: the payload alone has outlived its lease."""
    agent = subprocess.run([sys.executable, "-c", STARTER], cwd=str(ROOT), timeout=120)
    assert agent.returncode == 0


def test_a_warden_knows_a_payload_before_it_starts():
    """The agent was frozen after the payload had started, and before it could report its group."""
    warden = Warden([sys.executable, "-m", "pilot.agent.warden"], "nobody bears this mark", 0.2)
    began = []
    try:
        warden.starting(4714, boot_s() + 0.2)  # this one could not be started
        warden.starting(4713, boot_s() + 0.5)
        for number in (4713, 4714):
            with marks.marked_children(number):
                began.append(process.spawn(["sleep", "60"], env={"PATH": os.environ["PATH"]}))
        assert began[0].wait(timeout=60) == -signal.SIGKILL
        assert began[1].poll() is None
    finally:
        warden.close()
        os.waitpid(warden.pid, 0)
        began[1].kill()
        began[1].wait()


def test_what_is_starting_is_known_to_a_new_warden_too():
    warden = Warden([sys.executable, "-m", "pilot.agent.warden"], "nobody bears this mark", 0.2)
    warden.starting(4715, boot_s() + 60)
    os.kill(warden.pid, signal.SIGKILL)
    os.waitpid(warden.pid, 0)
    warden.replace()
    with marks.marked_children(4715):
        one = process.spawn(["sleep", "60"], env={"PATH": os.environ["PATH"]})
    warden.close()  # the sheet is as it was
    os.waitpid(warden.pid, 0)
    assert one.wait(timeout=60) == -signal.SIGKILL


def test_a_payload_whose_group_is_known_has_the_time_of_its_group():
    warden = Warden([sys.executable, "-m", "pilot.agent.warden"], "nobody bears this mark", 0.2)
    try:
        warden.starting(4716, boot_s() + 0.5)
        with marks.marked_children(4716):
            one = process.spawn(["sleep", "1.5"], env={"PATH": os.environ["PATH"]})
        warden.began(one.pid, 4716, boot_s() + 60)
        warden.flush()
        assert one.wait(timeout=60) == 0
    finally:
        warden.close()
        os.waitpid(warden.pid, 0)


def test_a_warden_ends_what_outlives_its_lease_though_its_agent_lives():
    victim, other = (
        process.spawn(["sleep", "60"], env={"PATH": os.environ["PATH"]}) for _ in range(2)
    )
    warden = Warden([sys.executable, "-m", "pilot.agent.warden"], "nobody bears this mark", 0.2)
    try:
        warden.began(victim.pid, 1)
        warden.until(victim.pid, boot_s() + 60)
        warden.until(victim.pid, boot_s() + 0.3)  # the later word counts
        warden.began(other.pid, 2)
        warden.until(other.pid, boot_s() + 60)
        assert victim.wait(timeout=60) == -signal.SIGKILL
        assert other.poll() is None
        warden.ended(other.pid)
        warden.flush()
    finally:
        warden.close()
        os.waitpid(warden.pid, 0)
        for one in (victim, other):
            one.kill()
            one.wait()


def test_a_suspended_slot_s_agent_may_renew_before_its_warden_acts():
    """Agent, warden and payloads are stopped for longer than the leases, and go on."""
    first, renewed, lost = (
        process.spawn(["sleep", "60"], env={"PATH": os.environ["PATH"]}) for _ in range(3)
    )
    warden = Warden([sys.executable, "-m", "pilot.agent.warden"], "nobody bears this mark", 0.2)
    try:
        warden.began(first.pid, 9, boot_s())
        assert first.wait(timeout=60) == -signal.SIGKILL  # the warden works
        warden.ended(first.pid)
        end = boot_s() + 1.0
        for number, victim in enumerate((renewed, lost), 1):
            warden.began(victim.pid, number, end)
        os.kill(warden.pid, signal.SIGSTOP)
        until(lambda: boot_s() > end + 3.0, what="the end of the leases")
        os.kill(warden.pid, signal.SIGCONT)
        again = boot_s() + 0.4
        until(lambda: boot_s() > again, what="the agent's renewal")
        warden.until(renewed.pid, boot_s() + 3600)
        assert lost.wait(timeout=60) == -signal.SIGKILL
        assert renewed.poll() is None
        warden.ended(renewed.pid)
        warden.flush()
    finally:
        warden.close()
        os.waitpid(warden.pid, 0)
        for one in (first, renewed, lost):
            one.kill()
            one.wait()


@pytest.mark.slow
def test_a_frozen_agent_s_payload_ends_with_its_lease(pool, start_pilot, tmp_path):
    put(pool, {"id": "a", "script": sleeper(tmp_path)})
    child = start_pilot(
        *(PLAN + ("--pool", pool, "--workdir", str(tmp_path / "w"), "--lease-s", "4"))
    )
    payload = started(tmp_path)
    agent, warden = agent_of(child)
    os.kill(agent, signal.SIGSTOP)
    try:
        began = steady()
        until(lambda: gone(payload), what="the payload's end")
        assert steady() - began < 5.5  # a second for the warden's look on a busy machine
    finally:
        os.kill(agent, signal.SIGCONT)


def test_a_warden_that_is_killed_is_replaced(pool, start_pilot, tmp_path):
    put(pool, {"id": "a", "script": "setsid sleep 300 & " + sleeper(tmp_path)})
    child = start_pilot(*(PLAN + ("--pool", pool, "--workdir", str(tmp_path / "w"))))
    payload = started(tmp_path)
    agent, warden = agent_of(child)
    os.kill(warden, signal.SIGKILL)
    until(lambda: agent_of(child)[1] != warden)
    os.kill(agent, signal.SIGKILL)
    until(lambda: gone(payload), what="the payload's end")
    assert child.wait(timeout=20) == 40


def test_pilot_and_agent_killed_at_once_leave_nothing(tmp_path, start_pilot):
    busy = BusyPilot(
        tmp_path, start_pilot, "setsid sh -c 'echo $$ > %s/inner; exec sleep 300' & wait" % tmp_path
    )
    inner = int(until(lambda: (tmp_path / "inner").exists() and (tmp_path / "inner").read_text()))
    for pid in (busy.agent, busy.child.pid):
        os.kill(pid, signal.SIGKILL)
    until(
        lambda: gone(busy.payload) and gone(inner),
        6,
        "the end of the payload and of what it started",
    )
