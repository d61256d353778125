"""The warden as a process of its own."""

import os
import signal
import sys

from pilot.base import process, process_tree
from pilot.agent.clock import boot_s
from pilot.agent.warden import Warden


def test_a_warden_ends_what_was_seen_and_never_itself(tmp_path):
    from pilot.agent.warden import NOBODYS
    from tests.conftest import until

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
        assert until(lambda: os.waitpid(warden.pid, os.WNOHANG))[1] == 0
        assert seen.wait(5) == nobodys.wait(5) == -signal.SIGKILL and stranger.poll() is None
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
