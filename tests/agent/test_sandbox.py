"""A payload's folder and the agent's files about it."""

import os
import shutil
import stat
import subprocess

import pytest

from pilot.agent import sandbox
from pilot.agent.sandbox import Sandboxes
from tests.agent.running import PLAN, look, put, shown


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
    assert second != first
    assert not os.path.exists(first.home)
    os.chmod(second.tmp, 0o777)
    boxes.give_back(second)
    assert boxes.take() != second


def test_a_kept_sandbox_has_the_tasks_name(tmp_path):
    boxes = Sandboxes(str(tmp_path / "t"))
    kept = boxes.give_back(boxes.take(), sandbox.folder_name("a:b", 2))
    assert kept == str(tmp_path / "t" / "a_b.2")
    assert os.path.isdir(kept + "/work")


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
        assert len(sandbox.read_tail(stream.fileno())) == sandbox.TAIL_BYTES
        assert sandbox.read_tail(stream.fileno()).endswith("\ufffd end")
    assert sandbox.read_tail(-1) == ""


def test_the_size_of_a_folder_follows_no_links(tmp_path):
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "f").write_bytes(b"x" * 3 * 1048576)
    os.symlink("/", str(tmp_path / "d" / "root"))
    assert 2.9 < sandbox.size_mb(str(tmp_path)) < 4


def test_a_script_is_stored_executable(tmp_path):
    boxes = Sandboxes(str(tmp_path / "t"))
    words = boxes.take().argv({"script": "#!/bin/bash\necho x\n"})
    assert words[0] == "/bin/bash"
    assert os.stat(words[1]).st_mode & stat.S_IXUSR


def test_what_a_killed_life_left_is_no_fault_of_the_node(tmp_path):
    first = Sandboxes(str(tmp_path / "t")).take()
    with open(first.work + "/left", "w"):
        pass
    second = Sandboxes(str(tmp_path / "t")).take()
    assert second.home != first.home
    assert os.listdir(second.work) == []
    assert not os.path.exists(first.home)


def test_output_that_is_no_utf8_and_no_output_at_all(run):
    ended = run(
        [{"id": "a", "command": ["printf", "\\377\\303"]}, {"id": "b", "command": ["true"]}]
    )
    assert shown(ended, "a")["attempts"][0]["result"]["stdout"] == "\ufffd\ufffd"
    assert shown(ended, "b")["attempts"][0]["result"]["stdout"] == ""


def test_one_payloads_output_is_never_anothers(run):
    ended = run(
        [
            {"id": "a", "command": ["echo", "secret of a"], "priority": 1},
            {"id": "b", "command": ["no-such-program"], "max_attempts": 1},
            {"id": "c", "command": ["true"], "inputs": ["missing"], "max_attempts": 1},
        ],
        "--slots",
        "1",
    )
    assert "secret" in str(shown(ended, "a"))
    assert "secret" not in str(shown(ended, "b")) + str(shown(ended, "c"))


BWRAP = (
    shutil.which("bwrap") is not None
    and subprocess.call(
        ["bwrap", "--unshare-user", "--ro-bind", "/", "/", "true"], stderr=subprocess.DEVNULL
    )
    == 0
)


WAYS = [
    "none",
    pytest.param(
        "bubblewrap", marks=pytest.mark.skipif(not BWRAP, reason="bubblewrap does not work here")
    ),
]


@pytest.mark.parametrize("way", WAYS)
def test_a_pipe_in_the_place_of_its_output_holds_nobody_up(pool, pilot, way):
    spoil = (
        "rm -f ../stdout ../stderr;"
        " mkfifo ../stdout ../stderr ../stage-out.json ../stage-out.answer out 2>/dev/null; exit %d"
    )
    put(
        pool,
        {"id": "ok", "script": spoil % 0, "max_attempts": 1},
        {"id": "bad", "script": spoil % 1, "max_attempts": 1},
        {"id": "out", "script": spoil % 0, "outputs": [{"name": "out"}], "max_attempts": 1},
        {"id": "after"},
    )
    ended = pilot(*(PLAN + ("--pool", pool, "--isolation", way, "--slots", "2")), timeout=40)
    assert ended.code == 0
    assert [look(pool, name)["state"] for name in ("ok", "bad", "out", "after")] == [
        "done",
        "error",
        "error",
        "done",
    ]
    assert "did not make its output out" in look(pool, "out")["reason"]


@pytest.mark.parametrize("way", WAYS)
def test_links_that_a_payload_leaves_lead_the_agent_nowhere(pool, pilot, tmp_path, way):
    victim = tmp_path / "victim"
    victim.write_text("untouched")
    names = (
        "../stdout ../stderr ../script ../stage-out.json ../stage-out.log ../stage-out.answer"
        " ../stage-in.json"
    )
    plant = "for name in %s; do rm -f $name; ln -s %s $name; done 2>/dev/null; exit 0" % (
        names,
        victim,
    )
    swap = "cd ..; rm -rf work; ln -s %s work 2>/dev/null; exit 0" % tmp_path
    secret = tmp_path / "secret"
    secret.write_text("hidden")
    put(
        pool,
        *[{"id": "plant%d" % n, "script": plant, "priority": 9} for n in range(3)]
        + [
            {
                "id": "swap",
                "script": swap,
                "outputs": [{"name": "secret", "optional": True}],
                "priority": 8,
            }
        ]
        + [
            {
                "id": "after%d" % n,
                "script": "echo hello; echo made > out",
                "outputs": [{"name": "out"}],
            }
            for n in range(3)
        ],
    )
    ended = pilot(*(PLAN + ("--pool", pool, "--isolation", way, "--slots", "1")))
    assert ended.code == 0
    assert victim.read_text() == "untouched"
    assert all(
        look(pool, "after%d" % n)["attempts"][-1]["result"]["stdout"] == "hello\n" for n in range(3)
    )
    assert not list((ended.workdir / "outputs").glob("swap*/secret"))
    assert len(list((ended.workdir / "outputs").glob("after*/out"))) == 3
