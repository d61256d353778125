"""A Python that was built, or packed, without parts of its library: what can be done without them
is done, the rest is told."""

import json
import os
import runpy

import pytest

from tests.conftest import ROOT
from tests.pool.conftest import Within

TASKS = str(ROOT / "examples" / "tasks.jsonl")


@pytest.fixture
def without(tmp_path):
    """The environment of a Python that has none of these modules."""
    def environment(*modules):
        folder = tmp_path / "lacks"
        folder.mkdir()
        (folder / "sitecustomize.py").write_text(
            "import sys\nfor name in %r:\n    sys.modules[name] = None\n" % (modules,)
        )
        return dict(os.environ, PYTHONPATH=str(folder))
    return environment


def test_tls_the_kernels_services_and_bzip2_are_not_needed_to_work(pilot, without):
    ended = pilot(
        "-X",
        "CheckWorkerNode,LaunchAgent",
        "--tasks",
        TASKS,
        env=without("_ssl", "_ctypes", "_bz2", "_lzma"),
    )
    assert ended.code == 0 and ended.report["tasks"]["done"] == 5, ended.err


@pytest.mark.parametrize(
    "module, words",
    [
        ("_sqlite3", ("-X", "CheckWorkerNode,LaunchAgent", "--tasks", TASKS)),
        ("_ssl", ("-X", "CheckWorkerNode,LaunchAgent", "--pool", "https://127.0.0.1:9")),
    ],
)
def test_what_the_work_needs_is_told_in_a_sentence(pilot, without, module, words):
    ended = pilot(*words, env=without(module))
    assert ended.code == 10 and "Traceback" not in ended.err
    assert "was built without %s: give the pilot a whole Python" % module[1:] in ended.err
    assert json.loads((ended.workdir / "pilot-report.json").read_text())["exit_code"] == 10


def test_where_nothing_can_start_one_sentence_says_so(pilot, without):
    """As with Debian's python3-minimal."""
    ended = pilot("--tasks", TASKS, env=without("json"))
    line, = ended.err.strip().splitlines()
    assert ended.code == 10
    assert line.startswith("pilot: error: ")
    assert "json" in line
    assert line.endswith("is not a whole Python")


@pytest.mark.parametrize(
    "error, code",
    [
        (ImportError("No module named 'json'", name="json"), 10),
        (ImportError("/home/pilot/lib/_json.so: undefined symbol", name="_json"), 10),
        (ImportError("No module named 'pilot.x'", name="pilot.x"), None),
        (ImportError("cannot import name 'x'"), None),
    ],
)
def test_what_is_missing_of_ours_is_no_fault_of_python(error, code, capsys):
    refuse = runpy.run_path(str(ROOT / "pilot.py"), run_name="gate")["refuse"]
    with pytest.raises(ImportError if code is None else SystemExit) as raised:
        refuse(error)
    assert raised.value is error if code is None else raised.value.code == code
    assert bool(capsys.readouterr().err) == (code is not None)


def test_without_sqlite_a_servers_tasks_and_other_agents_run(pilot, without, tmp_path):
    environ = without("_sqlite3")
    assert (
        pilot("-X", "CheckWorkerNode,LaunchAgent", "--execute", "/bin/true", env=environ).code == 0
    )
    server = Within(tmp_path / "served.sqlite")
    try:
        from pilot.pool import open_pool
        with open_pool(server.url) as pool:
            pool.add([{"id": "a", "command": ["true"]}])
        ended = pilot(
            "-X",
            "CheckWorkerNode,LaunchAgent",
            "--pool",
            server.url,
            "--max-tasks",
            "1",
            env=environ,
        )
        assert ended.code == 0 and ended.report["tasks"]["done"] == 1, ended.err
    finally:
        server.close()


def test_without_tls_the_next_source_is_tried(pilot, without, tmp_path):
    (tmp_path / "setup.sh").write_text("export THERE=yes\n")
    ended = pilot(
        "-X",
        "CheckWorkerNode,Install",
        "--install",
        "archive:https://127.0.0.1:9/x.tar.gz",
        "--install",
        "env:%s/setup.sh" % tmp_path,
        env=without("_ssl"),
    )
    assert ended.code == 0 and "was built without ssl" in ended.err, ended.err


def test_without_tls_a_machines_features_and_outputs_cannot_be_had_and_that_is_all(
    pilot, without, tasks_file
):
    place = "https://127.0.0.1:9/"
    environ = dict(
        without("_ssl"),
        MACHINEFEATURES=place + "m",
        JOBFEATURES=place + "j",
        JOBOUTPUTS=place + "o",
    )
    ended = pilot(
        "-X",
        "CheckWorkerNode,LaunchAgent",
        "--tasks",
        tasks_file({"id": "a", "command": ["true"]}),
        env=environ,
    )
    assert ended.code == ended.report["exit_code"] == 0, ended.err
    assert "Traceback" not in ended.err, ended.err
    assert "Exit code 0" in ended.out, ended.err


@pytest.mark.parametrize(
    "words", [("--events", "stomp://127.0.0.1:9/queue/x"), ("-E", "dirac", "--wnVO", "ci")]
)
def test_who_asks_for_no_tls_needs_none(pilot, without, words):
    ended = pilot("-X", "CheckWorkerNode", *words, env=without("_ssl"))
    assert ended.code == 0, ended.err
