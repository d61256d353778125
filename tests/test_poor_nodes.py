"""Nodes that lack something are unfit in a sentence, or do: never a bug of ours, and never a task's
attempt."""

import os
import resource
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from pilot.pool import open_pool
from tests.conftest import ROOT

SYSTEM_PYTHON = "/usr/bin/python3"
PLAN = ("-X", "CheckWorkerNode,LaunchAgent")
UID = 54400  # of nobody, and of no other test: what may be started is counted by user


@pytest.fixture
def place():
    """A folder that a plain user can reach and write."""
    folder = Path(tempfile.mkdtemp(prefix="pp-", dir="/tmp"))
    os.chmod(str(folder), 0o777)
    yield folder
    shutil.rmtree(str(folder), ignore_errors=True)


def fly(folder, *words, **how):
    python = how.pop("python", sys.executable)
    return subprocess.run(
        [python, str(ROOT / "pilot.py")] + [str(word) for word in words],
        cwd=str(folder),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=60,
        **how,
    )


@pytest.mark.skipif(
    os.geteuid() != 0 or not os.access(SYSTEM_PYTHON, os.X_OK),
    reason="needs root, to be a user with a limit",
)
@pytest.mark.parametrize("spare", [0, 1, 2, 3, 4, 6])
def test_where_no_more_processes_may_be_started_the_node_is_unfit(place, spare):
    with open_pool("sqlite:%s/pool.sqlite" % place, create=True, backoff_s=0.1) as pool:
        pool.add([{"id": "a", "command": ["true"], "max_attempts": 1}])
    for path in place.glob("pool.sqlite*"):
        os.chown(str(path), UID + spare, UID + spare)

    def limit():
        os.setgroups([])
        os.setgid(UID + spare)
        resource.setrlimit(resource.RLIMIT_NPROC, (1 + spare, 1 + spare))
        os.setuid(UID + spare)

    done = fly(
        place,
        *(PLAN + ("--pool", "sqlite:pool.sqlite", "--workdir", "w", "--slots", "1")),
        python=SYSTEM_PYTHON,
        preexec_fn=limit,
        env={"PATH": "/usr/bin:/bin", "HOME": str(place)},
    )
    text = done.stdout.decode()
    with open_pool("sqlite:%s/pool.sqlite" % place) as pool:
        told = pool.show("a")
    assert done.returncode in (0, 10), text
    assert "a bug" not in text, text
    assert "Traceback" not in text, text
    if done.returncode == 10:
        assert "no more processes can be started here" in text, (text, told)
        assert (told["state"], told["attempts_used"],) == ("todo", 0), (text, told)
    else:
        assert told["state"] == "done"


@pytest.mark.parametrize("files", [8, 9, 10, 12, 14, 16, 24])
def test_with_too_few_descriptors_the_node_is_unfit(place, tasks_file, files):
    done = fly(
        place,
        *(
            PLAN
            + (
                "--tasks",
                tasks_file({"id": "a", "command": ["true"]}),
                "--workdir",
                "w",
                "--slots",
                "1",
            )
        ),
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (files, files)),
    )
    text = done.stdout.decode()
    assert done.returncode in (0, 10), text
    assert "a bug" not in text, text
    assert "Traceback" not in text, text
    assert done.returncode == 0 or "too many files are open" in text


def test_a_workdir_with_an_endless_path_is_told(place, tasks_file):
    deep = str(place / "/".join(["x" * 100] * 5))
    done = fly(
        place,
        *(PLAN + ("--tasks", tasks_file({"id": "a", "command": ["true"]}), "--workdir", deep)),
    )
    assert done.returncode == 10
    assert b"SQLite takes no more than" in done.stdout
    assert b"shorter --workdir" in done.stdout
    good = deep[:420]
    assert (
        fly(
            place,
            *(PLAN + ("--tasks", tasks_file({"id": "a", "command": ["true"]}), "--workdir", good)),
        ).returncode
        == 0
    )


def test_a_workdir_with_any_letters_works_in_any_locale(place, tasks_file):
    done = fly(
        place,
        *(
            PLAN
            + ("--tasks", tasks_file({"id": "a", "command": ["true"]}), "--workdir", "grün-日本")
        ),
        env={"PATH": os.environ["PATH"], "LC_ALL": "C", "PYTHONCOERCECLOCALE": "0"},
    )
    assert done.returncode == 0, done.stdout.decode("utf-8", "replace")


def test_a_job_that_is_started_anew_keeps_the_report_of_its_life_before(place):
    for restarts in ("0", "1", "2"):
        assert (
            fly(
                place,
                "-X",
                "CheckWorkerNode",
                "--workdir",
                "w",
                env=dict(
                    os.environ,
                    SLURM_JOB_ID="7",
                    SLURM_RESTART_COUNT=restarts,
                    PATH=os.environ["PATH"],
                ),
            ).returncode
            == 0
        )
    assert sorted(path.name for path in (place / "w").glob("pilot-report*")) == [
        "pilot-report.1.json",
        "pilot-report.2.json",
        "pilot-report.json",
    ]
