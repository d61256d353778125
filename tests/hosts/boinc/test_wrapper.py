"""What `pilot.ship boinc` writes, under a stand-in that follows the wrapper's ways: no package
carries the real one."""

import json
import os
import signal
import subprocess
import sys

import pytest

from pilot.base import process_tree
from pilot.ops.ship.__main__ import main as ship
from tests.conftest import ROOT, until


@pytest.fixture
def slot(tmp_path):
    folder = tmp_path / "slot"
    (folder).mkdir()

    def start(tasks, *words):
        path = tmp_path / "tasks.jsonl"
        path.write_text("".join(json.dumps(task) + "\n" for task in tasks))
        assert (
            ship(
                [
                    "boinc",
                    "-o",
                    str(folder),
                    "--",
                    "-X",
                    "CheckWorkerNode,LaunchAgent",
                    "--tasks",
                    str(path),
                    "--slots",
                    "1",
                ]
                + list(words)
            )
            == 0
        )
        return subprocess.Popen(
            [sys.executable, str(ROOT / "tests" / "hosts" / "boinc" / "wrapper.py")],
            cwd=str(folder),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
    start.folder = folder
    return start


def test_it_runs_with_an_environment_of_nothing(slot, capsys):
    wrapper = slot(
        [{"id": "a", "command": ["true"], "priority": 1}, {"id": "b", "command": ["sleep", "2.5"]}]
    )
    assert wrapper.wait(timeout=60) == 0
    assert json.loads((slot.folder / "out").read_text())["tasks"]["done"] == 2
    seen = [float(word) for word in (slot.folder / "seen").read_text().split()]
    assert seen == sorted(seen)
    assert 0.5 in seen
    assert (slot.folder / "pilot.checkpoint").exists()


def test_a_failure_is_seen_as_one(slot):
    wrapper = slot(
        [{"id": "a", "command": ["true"]}], "--min-memory-mb", "99999999", "--hold-s", "0"
    )
    assert wrapper.wait(timeout=60) == 195


def test_an_abort_within_a_second_leaves_nothing_running(slot, tmp_path):
    wrapper = slot(
        [
            {
                "id": "a",
                "script": "trap '' TERM; (setsid sleep 302 &); echo $$ > %s/new; mv %s/new %s/pid; while :; do sleep 1; done"
                % ((tmp_path,) * 3),
            }
        ]
    )
    until((tmp_path / "pid").exists)
    before = process_tree.descendants(wrapper.pid)
    os.kill(wrapper.pid, signal.SIGTERM)
    assert wrapper.wait(timeout=20) == 194
    until(
        lambda: not [
            p
            for p in before
            if (process_tree.look_up(p.pid) or p).started == p.started
            and process_tree.look_up(p.pid) is not None
            and process_tree.look_up(p.pid).state != "Z"
        ],
        what="the end of all that ran",
    )
