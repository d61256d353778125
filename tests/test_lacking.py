"""A Python that was built, or packed, without parts of its library: what can be done without them is done, the rest is told."""

import json
import os

import pytest

from tests.conftest import ROOT

TASKS = str(ROOT / "examples" / "tasks.jsonl")


@pytest.fixture
def without(tmp_path):
    """The environment of a Python that has none of these modules."""
    def environment(*modules):
        folder = tmp_path / "lacks"
        folder.mkdir()
        (folder / "sitecustomize.py").write_text("import sys\nfor name in %r:\n    sys.modules[name] = None\n" % (modules,))
        return dict(os.environ, PYTHONPATH=str(folder))
    return environment


def test_tls_the_kernels_services_and_bzip2_are_not_needed_to_work(pilot, without):
    ended = pilot("--tasks", TASKS, env=without("_ssl", "_ctypes", "_bz2", "_lzma"))
    assert ended.code == 0 and ended.report["tasks"]["done"] == 5, ended.err


@pytest.mark.parametrize("module, words", [("_sqlite3", ("--tasks", TASKS)), ("_ssl", ("-X", "CheckWorkerNode,LaunchAgent", "--pool", "https://127.0.0.1:9"))])
def test_what_the_work_needs_is_told_in_a_sentence(pilot, without, module, words):
    ended = pilot(*words, env=without(module))
    assert ended.code == 10 and "Traceback" not in ended.err
    assert "was built without %s: give the pilot a whole Python" % module[1:] in ended.err
    assert json.loads((ended.workdir / "pilot-report.json").read_text())["exit_code"] == 10


def test_where_nothing_can_start_one_sentence_says_so(pilot, without):
    """As with Debian's python3-minimal."""
    ended = pilot("--tasks", TASKS, env=without("json"))
    line, = ended.err.strip().splitlines()
    assert ended.code == 10 and line.startswith("pilot: error: ") and "json" in line and line.endswith("is not a whole Python")
