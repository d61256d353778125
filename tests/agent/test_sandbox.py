"""A payload's folder and the agent's files about it."""

import os
import stat

import pytest

from pilot.agent import sandbox
from pilot.agent.sandbox import Sandboxes


def test_an_empty_sandbox_is_used_again_and_a_used_one_is_not(tmp_path):
    boxes = Sandboxes(str(tmp_path / "t"))
    first = boxes.take()
    first.open_streams()
    boxes.give_back(first)
    assert boxes.take() == first
    with open(first.work + "/left", "w") as stream:
        stream.write("x")
    boxes.give_back(first)
    second = boxes.take()
    assert second != first and not os.path.exists(first.home)
    os.chmod(second.tmp, 0o777)
    boxes.give_back(second)
    assert boxes.take() != second


def test_a_kept_sandbox_has_the_tasks_name(tmp_path):
    boxes = Sandboxes(str(tmp_path / "t"))
    kept = boxes.give_back(boxes.take(), sandbox.folder_name("a:b", 2))
    assert kept == str(tmp_path / "t" / "a_b.2") and os.path.isdir(kept + "/work")


@pytest.mark.parametrize(
    "script, words",
    [
        ("#!/usr/bin/env python3\nx", ["/usr/bin/env", "python3"]),
        ("#! /bin/bash -e\r\nx", ["/bin/bash", "-e"]),
        ("echo x", ["sh"]),
        ("#!\n", ["sh"]),
    ],
)
def test_a_scripts_first_line_names_its_interpreter(script, words):
    assert sandbox.interpreter_of(script) == words


def test_the_tail_of_a_file_is_bounded_and_never_fails(tmp_path):
    (tmp_path / "f").write_bytes(b"a" * 10000 + b"\xff end")
    with open(str(tmp_path / "f"), "rb") as stream:
        assert len(sandbox.read_tail(stream.fileno())) == sandbox.TAIL_BYTES and sandbox.read_tail(
            stream.fileno()
        ).endswith("\ufffd end")
    assert sandbox.read_tail(-1) == ""


def test_the_size_of_a_folder_follows_no_links(tmp_path):
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "f").write_bytes(b"x" * 3 * 1048576)
    os.symlink("/", str(tmp_path / "d" / "root"))
    assert 2.9 < sandbox.size_mb(str(tmp_path)) < 4


def test_a_script_is_stored_executable(tmp_path):
    boxes = Sandboxes(str(tmp_path / "t"))
    words = boxes.take().argv({"script": "#!/bin/bash\necho x\n"})
    assert words[0] == "/bin/bash" and os.stat(words[1]).st_mode & stat.S_IXUSR


def test_what_a_killed_life_left_is_no_fault_of_the_node(tmp_path):
    first = Sandboxes(str(tmp_path / "t")).take()
    with open(first.work + "/left", "w"):
        pass
    second = Sandboxes(str(tmp_path / "t")).take()
    assert (
        second.home != first.home
        and os.listdir(second.work) == []
        and not os.path.exists(first.home)
    )
