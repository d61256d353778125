"""A mark on processes that they keep wherever they go."""

import os
import resource
import subprocess

import pytest

from pilot.agent import marks
from pilot.base import process

ENVIRON = {"PATH": os.environ["PATH"]}


@pytest.fixture
def spawn():
    """Starts a program that lives until the test's end; its first line is its pid."""
    children = []

    def start(text):
        child = process.spawn(
            ["sh", "-c", text], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=ENVIRON
        )
        children.append(child)
        return int(child.stdout.readline())

    yield start
    for child in children:
        child.stdin.close()  # what reads from it ends
        child.stdout.read()
        child.stdout.close()
        child.wait()


def test_what_is_started_inside_has_the_mark(spawn):
    with marks.marked_children(4711):
        pid = spawn("echo $$; read x")
    assert marks.number_of(pid) == 4711


def test_the_mark_stays_in_another_session_with_an_empty_environment(spawn):
    with marks.marked_children(4712):
        pid = spawn("env -i setsid sh -c 'echo $$; read x'")
    assert marks.number_of(pid) == 4712


def test_what_is_started_afterwards_has_none(spawn):
    with marks.marked_children(4713):
        pass
    assert marks.number_of(spawn("echo $$; read x")) is None


def test_our_own_limit_is_as_before_also_when_a_start_fails():
    before = resource.getrlimit(resource.RLIMIT_RTTIME)
    with pytest.raises(OSError):
        with marks.marked_children(4714):
            raise OSError("no such program")
    assert resource.getrlimit(resource.RLIMIT_RTTIME) == before


def test_a_process_that_has_gone_has_no_mark():
    child = process.spawn(["true"], env=ENVIRON)
    child.wait()
    assert marks.number_of(child.pid) is None


def test_no_number_comes_twice_from_one_agent():
    mine = marks.Marks()
    assert len({mine.new() for _ in range(1000)}) == 1000


def test_where_the_limit_cannot_be_set_the_start_goes_on(monkeypatch):
    def refuse(*words):
        raise ValueError("not allowed to raise maximum limit")

    monkeypatch.setattr(marks.resource, "setrlimit", refuse)
    begun = []
    with marks.marked_children(4715):
        begun.append(1)
    assert begun == [1]
