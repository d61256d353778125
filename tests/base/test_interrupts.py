import os
import signal
import subprocess
import sys

import pytest

from pilot.base import process
from pilot.errors import Stopped, TimeLimit
from pilot.base.interrupts import DRAIN_SIGNALS, STOP_SIGNALS, Interrupts, shielded
from tests.conftest import ROOT, steady


@pytest.fixture
def interrupts():
    before = {signum: signal.getsignal(signum) for signum in STOP_SIGNALS + DRAIN_SIGNALS}
    found = Interrupts()
    found.install()
    yield found
    for signum, handler in before.items():
        signal.signal(signum, handler)


@pytest.mark.parametrize("signum", STOP_SIGNALS)
def test_each_stop_signal_is_one_exception(interrupts, signum):
    with pytest.raises(Stopped) as caught:
        with interrupts.armed(None):
            os.kill(os.getpid(), signum)
            signal.pause()
    assert caught.value.exit_code == 128 + signum


def test_a_second_stop_signal_goes_to_the_listener_and_raises_nothing(interrupts):
    heard = []
    with interrupts.listening(heard.append):
        with pytest.raises(Stopped):
            with interrupts.armed(None):
                os.kill(os.getpid(), signal.SIGTERM)
                signal.pause()
        os.kill(os.getpid(), signal.SIGINT)
    assert heard == [signal.SIGINT]


def test_a_stop_between_commands_is_kept_for_the_next(interrupts):
    os.kill(os.getpid(), signal.SIGTERM)
    with pytest.raises(Stopped):
        with interrupts.armed(None):
            raise AssertionError("this must not run")


@pytest.mark.parametrize("signum", DRAIN_SIGNALS)
def test_a_drain_signal_stops_nothing(interrupts, signum):
    heard = []
    with interrupts.armed(None), interrupts.listening(heard.append):
        os.kill(os.getpid(), signum)
    assert interrupts.drain and heard == [signum]


def test_an_early_drain_is_told_to_a_later_listener(interrupts):
    os.kill(os.getpid(), signal.SIGUSR2)
    heard = []
    with interrupts.listening(heard.append):
        pass
    assert heard == [signal.SIGUSR1]


def test_the_first_words_are_said_in_the_handler(interrupts):
    said = []
    interrupts.on_stop = said.append
    with pytest.raises(Stopped):
        with interrupts.armed(None):
            os.kill(os.getpid(), signal.SIGTERM)
            signal.pause()
    assert said == [signal.SIGTERM]


def test_what_our_starter_ignores_stays_ignored():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    others = {signum: signal.getsignal(signum) for signum in STOP_SIGNALS + DRAIN_SIGNALS}
    try:
        Interrupts().install()
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        for signum, handler in others.items():
            signal.signal(signum, handler)
        signal.signal(signal.SIGHUP, before)


def test_a_listener_that_raises_is_not_kept(interrupts):
    os.kill(os.getpid(), signal.SIGUSR1)

    def enough(signum):
        raise ValueError("enough")
    with pytest.raises(ValueError):
        with interrupts.listening(enough):
            raise AssertionError("not reached")
    os.kill(os.getpid(), signal.SIGUSR1)


def test_an_alarm_of_the_keepers_does_not_cut_short_what_is_shielded(interrupts):
    done = []
    with pytest.raises(Stopped):
        with interrupts.armed(60), shielded():
            os.kill(os.getpid(), signal.SIGTERM)
            os.kill(os.getpid(), signal.SIGALRM)
            done.append(1)
    assert done == [1]


def test_what_is_shielded_is_done_whole(interrupts):
    done = []
    with pytest.raises(Stopped):
        with interrupts.armed(None):
            with shielded():
                with shielded():
                    os.kill(os.getpid(), signal.SIGTERM)
                    done.append("inner")
                done.append("outer")
            done.append("not reached")
    assert done == ["inner", "outer"]


@pytest.mark.parametrize("limit_s, error", [(None, Stopped), (0.1, TimeLimit)])
def test_a_shield_that_hangs_gives_way(interrupts, limit_s, error):
    with pytest.raises(error):
        with interrupts.armed(limit_s), shielded():
            if limit_s is None:
                os.kill(os.getpid(), signal.SIGTERM)
            signal.pause()
            signal.pause()


WRITES_AT_ONCE = "import os, signal; os.write(1, ''.join('%d\\n' % n for n in range(1, 2001)).encode()); signal.pause()"


def test_lines_that_were_read_are_told_whatever_comes(interrupts):
    told = []

    def hear(line):
        told.append(line)
        if line == "5":
            os.kill(os.getpid(), signal.SIGTERM)
    with pytest.raises(Stopped):
        with interrupts.armed(None):
            process.run([sys.executable, "-c", WRITES_AT_ONCE], timeout_s=20, on_line=hear)
    assert told == [str(number) for number in range(1, 2001)]


FORKING = """
import os, signal, sys
sys.path.insert(0, %(root)r)
from pilot.base import process
from pilot.errors import Stopped
from pilot.base.interrupts import Interrupts

sent = []
def in_the_hook():
    if not sent:
        sent.append(os.getpid())
        os.kill(os.getpid(), signal.SIGTERM)
os.register_at_fork(after_in_parent=in_the_hook)
interrupts = Interrupts()
interrupts.install()
try:
    with interrupts.armed(None):
        process.run(["sleep", "60"], timeout_s=60)
except Stopped as stop:
    sys.exit(stop.exit_code)
"""


@pytest.mark.skipif(sys.version_info < (3, 7), reason="3.6 calls nothing around a fork")
def test_a_stop_that_comes_within_a_fork_is_heard(tmp_path):
    began = steady()
    done = subprocess.run(
        [sys.executable, "-c", FORKING % {"root": str(ROOT)}], stderr=subprocess.PIPE
    )
    assert done.returncode == 128 + signal.SIGTERM and b"ignored" not in done.stderr
    assert steady() - began < 30
