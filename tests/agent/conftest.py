"""Pilots, pools and servers that the agent's tests share."""

import os
import shutil
import signal

import pytest

from pilot.agent import confine, marks
from pilot.agent.config import AgentConfig
from pilot.agent.loop import Loop
from pilot.agent.sandbox import Sandboxes
from pilot.agent.strays import Strays
from pilot.agent.payload_context import PayloadContext
from pilot.pool import open_pool
from tests.agent.running import PLAN
from tests.pool.served import Served


@pytest.fixture
def run(pilot, tasks_file):
    """Runs tasks in a pilot of their own."""

    def go(tasks, *words, **how):
        return pilot(*(PLAN + ("--tasks", tasks_file(*tasks)) + words), **how)

    return go


@pytest.fixture
def pool(tmp_path):
    """A pool file's URL, with short waits."""
    url = "sqlite:%s/pool.sqlite" % tmp_path
    open_pool(url, create=True, backoff_s=0.1).close()
    return url


@pytest.fixture
def server(tmp_path):
    folder = tmp_path / "server"
    folder.mkdir()
    open_pool("sqlite:%s/pool.sqlite" % folder, create=True, backoff_s=0.1).close()
    one = Served(folder)
    yield one
    one.kill()


@pytest.fixture
def small_disk(tmpfs):
    """A working directory of 24 MB."""
    return tmpfs("24m")


@pytest.fixture
def loop():
    saved = {signum: signal.getsignal(signum) for signum in (signal.SIGCHLD, signal.SIGUSR1)}
    heard = []
    one = Loop([signal.SIGUSR1], heard.append, lambda: None)
    one.heard = heard
    yield one
    signal.set_wakeup_fd(-1)
    for signum, handler in saved.items():
        signal.signal(signum, handler)


class Books:
    """Stands for the warden: writes down what it is told."""

    pid = 0

    def __init__(self):
        self.told = []

    def __getattr__(self, name):
        return lambda *words: self.told.append((name,) + words)


@pytest.fixture
def books():
    return Books()


@pytest.fixture
def config(tmp_path):
    """An agent's orders, for payloads below the test's folder."""
    work = tmp_path / "agent"
    work.mkdir()
    return AgentConfig(
        "p1", str(work), str(tmp_path / "outputs"), {"PATH": os.environ["PATH"]}
    )


@pytest.fixture
def around(config, loop, books):
    """What payloads share; `told` has what they tell."""
    told = []

    def tell(kind, **fields):
        told.append(dict(fields, event=kind))

    one = PayloadContext(
        config,
        loop,
        Strays(books),
        confine.Confinement(None),
        shutil.which,
        Sandboxes(config.workdir + "/tasks"),
        tell,
        marks.Marks(),
        lambda lease: None,
    )
    tell.told = told
    return one


class ByHand:
    """Stands for the loop: what is to be done later is done when the test says so."""

    def __init__(self):
        self.later = []

    def after(self, seconds, callback):
        self.later.append((seconds, callback))

    def seconds(self):
        """When what waits is due."""
        return [seconds for seconds, _ in self.later]

    def go_on(self):
        """Do what waits now."""
        now, self.later = self.later, []
        for _, callback in now:
            callback()


@pytest.fixture
def by_hand():
    return ByHand()
