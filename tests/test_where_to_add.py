"""CONTRIBUTING.md says where to add what: here it is added, in a copy of the program."""

import json
import os
import re
import shutil
import subprocess
import sys

import pytest

from tests.conftest import ROOT

MOON = '''"""Moon, a batch system of this test."""

from pilot.node.batch.system import System


class Moon(System):
    """A job on the moon."""

    name = "Moon"
    job_id_variables = ("MOON_JOB",)


SYSTEM = Moon()
'''
HELLO = '''"""Hello."""

from pilot import values
from pilot.command import Command, Option
from pilot.events import event as events


class Hello(Command):
    """Say hello."""

    name = "Hello"
    options = (Option("hello_times", "how often", values.count, 1),)

    def run(self, ctx):
        ctx.events.emit(events.HELLO, times=ctx.settings["hello_times"])
        return ()


COMMANDS = (Hello,)
'''
SHELF = '''"""A pool that holds nothing."""

from pilot.pool.interface import Pool


class Shelf(Pool):
    """Nothing lies on it."""

    def status(self):
        return {"todo": 0, "locked": 0, "done": 0, "error": 0, "held": 0}

    def close(self):
        pass


COMMANDS = ()
POOLS = {"shelf": lambda url, create, environ: Shelf()}
'''


@pytest.fixture
def copy(tmp_path):
    """A copy of the program to which a test adds something; runs it."""
    for name in ("pilot", "commands"):
        shutil.copytree(
            str(ROOT / name), str(tmp_path / name), ignore=shutil.ignore_patterns("__pycache__")
        )
    shutil.copy(str(ROOT / "pilot.py"), str(tmp_path / "pilot.py"))

    def change(path, old, new):
        text = (tmp_path / path).read_text(encoding="utf-8")
        assert old in text
        (tmp_path / path).write_text(text.replace(old, new, 1), encoding="utf-8")

    def run(*words, **environ):
        return subprocess.run(
            [sys.executable, str(tmp_path / "pilot.py")] + list(words),
            cwd=str(tmp_path),
            env=dict({"PATH": os.environ["PATH"]}, **environ),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    run.folder, run.change = tmp_path, change
    return run


def report(copy):
    return json.loads((copy.folder / "pilot-report.json").read_text())


def test_a_batch_system_is_one_file_and_its_mark(copy):
    (copy.folder / "pilot" / "node" / "batch" / "moon.py").write_text(MOON)
    marks = 'MARKS: Dict[str, Tuple[str, ...]] = {\n'
    copy.change("pilot/node/batch/__init__.py", marks, marks + '    "moon": ("MOON_JOB",),\n')
    copy("-X", "CheckWorkerNode", MOON_JOB="7")
    batch = report(copy)["facts"]["WorkerNode"]["batch"]
    assert (batch["system"], batch["job_id"]) == ("Moon", "7")


def test_a_command_with_its_option_and_event_is_one_file(copy):
    package = copy.folder / "pilot_hello"
    package.mkdir()
    (package / "__init__.py").write_text(HELLO)
    kinds = 'TASK_FINISHED = "task finished"\n'
    copy.change("pilot/events/event.py", kinds, kinds + 'HELLO = "hello"\n')
    done = copy("-E", "hello", "-X", "Hello", "--hello-times", "3")
    assert done.returncode == 0, done.stdout.decode()
    lines = (copy.folder / "pilot-events.jsonl").read_text().splitlines()
    assert [json.loads(line).get("times") for line in lines if '"hello"' in line][:1] == [3]


def test_a_store_for_tasks_is_one_package(copy):
    package = copy.folder / "pilot_shelf"
    package.mkdir()
    (package / "__init__.py").write_text(SHELF)
    done = copy("-m", "pilot.pool", "status", "shelf:top")
    assert done.returncode == 0, done.stdout.decode()
    assert re.search(r"todo\s+0", done.stdout.decode())


def test_a_host_is_one_file_and_its_row(copy):
    (copy.folder / "pilot" / "hosts" / "inn.py").write_text(
        '"""An inn."""\n\nfrom pilot.hosts.host import Host\n\n\nclass Inn(Host):\n'
        '    """Wants another exit code."""\n\n    def ended(self, end):\n        return 77\n\n\n'
        'def find_host(environ, settings):\n    """Here it is."""\n    return Inn()\n'
    )
    rows = "HOSTS: Tuple[Tuple[str, At], ...] = (\n"
    row = '    ("inn", lambda environ, settings: "INN" in environ),\n'
    copy.change("pilot/hosts/__init__.py", rows, rows + row)
    assert copy("-X", "CheckWorkerNode", INN="1").returncode == 77


def test_a_world_to_ship_to_is_one_row_beside_its_writer(copy):
    rows = "WORLDS = (\n"
    row = '    World("moon", ship_systemd, SLOT),\n'
    copy.change("pilot/ops/ship/service.py", rows, rows + row)
    done = copy("-m", "pilot.ship", "moon", "-o", "job", "--cores", "1", "--", "-X", "Install")
    assert done.returncode == 0, done.stdout.decode()
    assert list((copy.folder / "job").iterdir())
