"""Every class of bad input or surroundings ends in one sentence (no traceback) and its documented
code."""

import json
import os
import subprocess
import sys

import pytest

from tests.conftest import ROOT

FINE = ("-X", "CheckWorkerNode")


def sentences(text):
    return [line for line in text.splitlines() if line.startswith("pilot: error: ")]


@pytest.mark.parametrize(
    "words, told",
    [
        (
            ("-X", "CheckWorkrNode"),
            "unknown command 'CheckWorkrNode' (did you mean CheckWorkerNode?)",
        ),
        (("-X", "Configure"), "Configure needs WorkerNode: put CheckWorkerNode before it"),
        (("-X", ","), "no command to run"),
        (FINE + ("--min-disk-mb", "lots"), "--min-disk-mb: 'lots' is not a size in MB"),
        (FINE + ("--nonsense",), "unknown option --nonsense"),
        (FINE + ("--min-cores",), "--min-cores needs a value"),
        (FINE + ("stray",), "what is 'stray'?"),
        (FINE + ("-E", "nowhere"), "no package pilot_nowhere"),
        (FINE + ("-F", "/no/pilot.json"), "/no/pilot.json: cannot be read"),
        (FINE + ("--time-limits", "CheckWorkrNode=5"), "--time-limits: unknown command"),
        (FINE + ("--time-limits", "CheckWorkerNode=soon"), "is not a time above 0"),
        (FINE + ("--events", "ftp://broker/x"), "is no destination for events"),
        (("-X", "CheckWorkerNode,LaunchAgent"), "LaunchAgent has no work"),
        (
            ("-X", "CheckWorkerNode,LaunchAgent", "--tasks", "/no/tasks"),
            "/no/tasks: cannot be read",
        ),
        (("-X", "CheckWorkerNode,LaunchAgent", "--pool", "ftp:x"), "is not a pool"),
        (
            ("-X", "CheckWorkerNode,LaunchAgent,Configure", "--pool", "foo"),
            "--pool: 'foo' is not a pool",
        ),
        (
            ("-X", "CheckWorkerNode,LaunchAgent", "--pool", "sqlite:/no/file"),
            "there is no such file",
        ),
        (
            ("-X", "CheckWorkerNode,LaunchAgent", "--execute", "x", "--pool", "y"),
            "--execute runs another agent",
        ),
        (("-X", "CheckWorkerNode,LaunchAgent", "--execute", "sh 'x"), "--execute: "),
        (("-X", "CheckWorkerNode,LaunchAgent", "--execute", " "), "--execute names no program"),
        (("-X", "CheckWorkerNode,LaunchAgent", "--tasks", "/dev/null"), "is no regular file"),
        (
            ("-X", "CheckWorkerNode,LaunchAgent", "--pool", "sqlite:x", "--lease-s", "0"),
            "--lease-s must be 1 or more",
        ),
        (FINE + ("--pilot-id", "x/../../evil"), "is not a name of letters"),
        (FINE + ("--pilot-id", "x" * 300), "is not a name of letters"),
        (FINE + ("--time-limits", "CheckWorkerNode=inf"), "is not a time above 0"),
        (("-X", "CheckWorkerNode,CPUNormalization", "--cpu-power", "nan"), "--cpu-power"),
        (("-X", "CheckWorkerNode,CPUNormalization", "--cpu-correction", "0"), "--cpu-correction"),
        (
            ("-X", "CheckWorkerNode,Install", "--install", "evn:/x"),
            "is no source of software (did you mean env?)",
        ),
        (
            ("-X", "CheckWorkerNode,LaunchAgent", "--tasks", "x", "--isolation", "magic"),
            "'magic' is not one of none, auto",
        ),
    ],
)
def test_what_was_configured_wrong_is_exit_code_2(pilot, words, told):
    ended = pilot(*words)
    assert ended.code == 2 and told in ended.err, ended.err
    assert "Traceback" not in ended.err
    if ended.workdir.exists():
        assert ended.report["exit_code"] == 2


def test_all_mistakes_are_told_at_once(pilot):
    ended = pilot("-X", "CheckWorkrNode,Configure", "--min-disk-mb", "lots", "--nonsense")
    assert ended.code == 2 and len(sentences(ended.err)) == 4


def test_mistakes_of_all_kinds_are_told_together(pilot, tmp_path):
    (tmp_path / "b.json").write_text("{")
    (tmp_path / "t.jsonl").write_text('{"id": "a"}\n')
    words = (
        "-X",
        "CheckWorkerNode,LaunchAgent,Nope",
        "-E",
        "nosuch",
        "-F",
        "b.json",
        "--min-cores",
        "x",
        "--foo",
        "--time-limits",
        "Bar=1",
        "--hold-s",
        "3-1",
        "--tasks",
        "t.jsonl",
    )
    ended = pilot(*words, env=dict(os.environ, PILOT_MIN_MEMORY_MB="q", PILOT_MIN_DSK_MB="5"))
    told = "\n".join(sentences(ended.err))
    kinds = (
        "b.json",
        "-E nosuch",
        "'Nope'",
        "--foo",
        "--min-cores",
        "PILOT_MIN_MEMORY_MB",
        "'Bar'",
        "--hold-s",
        "command or a script",
        "PILOT_MIN_DSK_MB is not a setting",
    )
    assert ended.code == 2 and [kind for kind in kinds if kind not in told] == [], told


def test_a_bad_value_hides_no_other_mistake_of_its_command(pilot, tmp_path):
    (tmp_path / "t.jsonl").write_text('{"id": "a"}\n')
    ended = pilot(
        "-X",
        "CheckWorkerNode,LaunchAgent",
        "--isolation",
        "foo",
        "--tasks",
        "t.jsonl",
        "--pool",
        "foo://x",
        "--min-cores",
        "x",
        "--slots",
        "q",
        "--lease-s",
        "0",
    )
    told = "\n".join(sentences(ended.err))
    kinds = (
        "--isolation",
        "command or a script",
        "'foo://x' is not a pool",
        "--min-cores",
        "--slots",
        "--lease-s must be",
    )
    assert ended.code == 2 and [kind for kind in kinds if kind not in told] == [], told


@pytest.mark.parametrize(
    "text, told",
    [
        ("{", "not JSON: "),
        ('["a"]', "must hold a JSON object"),
        ('{"Defaults": 5}', "Defaults must be an object"),
        ('{"Defaults": {"min_dsk_mb": 5}}', "unknown key 'min_dsk_mb' (did you mean min_disk_mb?)"),
        ('{"Defaults": {"min_disk_mb": "lots"}}', "pilot.json: Defaults, min_disk_mb: 'lots'"),
        ("\udcff", "not JSON"),
        pytest.param('{"a":' * 50000, "nested too deeply", id="deep"),
    ],
)
def test_a_bad_pilot_json_is_told(pilot, tmp_path, text, told):
    (tmp_path / "pilot.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    ended = pilot(*FINE)
    assert ended.code == 2
    assert told in ended.err
    assert "Traceback" not in ended.err


def test_a_bad_variable_is_told_by_its_name(pilot):
    ended = pilot(*FINE, env=dict(os.environ, PILOT_MIN_DISK_MB="lots"))
    assert ended.code == 2 and "PILOT_MIN_DISK_MB: 'lots'" in ended.err


@pytest.mark.parametrize(
    "text, told",
    [
        ("def (", "SyntaxError"),
        ("import nothing_like_it", "nothing_like_it"),
        ("1/0", "ZeroDivisionError"),
    ],
)
def test_a_broken_extension_is_told_with_file_and_line(pilot, tmp_path, text, told):
    (tmp_path / "pilot_broken").mkdir()
    (tmp_path / "pilot_broken" / "__init__.py").write_text("\n" + text + "\n")
    ended = pilot(*(FINE + ("-E", "broken")))
    assert ended.code == 2
    assert told in ended.err
    assert "line 2" in ended.err
    assert "Traceback" not in ended.err


def test_a_bug_in_an_extension_is_exit_code_1_with_its_traceback_in_the_log(pilot, tmp_path):
    (tmp_path / "pilot_buggy").mkdir()
    (tmp_path / "pilot_buggy" / "__init__.py").write_text(
        "from pilot.command import Command\nclass Bug(Command):\n  'A bug.'\n  name = 'Bug'\n  def run(self, ctx):\n    return 1/0\nCOMMANDS = (Bug,)\n"
    )
    ended = pilot("-E", "buggy", "-X", "Bug")
    assert ended.code == 1
    assert ended.report["exit_code"] == 1
    assert ended.status("Bug") == "crashed"
    assert "ZeroDivisionError" in (ended.workdir / "pilot.log").read_text()


@pytest.mark.parametrize("workdir", ["/dev/null/x", "/proc/nothing/here"])
def test_a_workdir_that_cannot_be_used_is_exit_code_10(pilot, workdir):
    ended = pilot(*FINE, workdir=workdir)
    assert ended.code == 10
    assert "workdir %s cannot be used" % workdir in ended.err
    assert "Traceback" not in ended.err


@pytest.fixture
def small_disk(tmpfs):
    """A file system of one megabyte that is full; only root may make one."""
    return tmpfs("1m")


def test_a_full_disk_is_exit_code_10(pilot, small_disk):
    with open(str(small_disk / "filler"), "wb") as stream:
        with pytest.raises(OSError):
            while True:
                os.write(stream.fileno(), b"x" * 4096)
    ended = pilot(*FINE, workdir=small_disk)
    assert ended.code == 10
    assert "disk is full" in ended.err
    assert "Traceback" not in ended.err


def test_a_disk_that_fills_up_while_working_gives_the_task_back(pilot, small_disk, tasks_file):
    path = tasks_file({"id": "a", "command": ["true"]})
    url = "sqlite:%s/pool.sqlite" % small_disk.parent
    subprocess.check_call(
        [sys.executable, "-m", "pilot.pool", "add", url, path],
        cwd=str(ROOT),
        stdout=subprocess.DEVNULL,
    )
    filler = "head -c 3000000 /dev/zero > $PILOT_TASK_DIR/work/fill; exit 0"
    path = tasks_file({"id": "filler", "script": filler, "priority": 9})
    subprocess.check_call(
        [sys.executable, "-m", "pilot.pool", "add", url, path],
        cwd=str(ROOT),
        stdout=subprocess.DEVNULL,
    )
    ended = pilot(
        "-X",
        "CheckWorkerNode,LaunchAgent",
        "--min-disk-mb",
        "0",
        "--pool",
        url,
        "--slots",
        "1",
        workdir=small_disk,
    )
    assert "Traceback" not in ended.err and ended.code in (0, 10)


@pytest.mark.parametrize("folder", ["/dev/null/x", "/proc/nothing"])
def test_outputs_that_cannot_be_kept_are_told_before_any_task_runs(pilot, tasks_file, folder):
    ended = pilot(
        "-X",
        "CheckWorkerNode,LaunchAgent",
        "--tasks",
        tasks_file({"id": "a", "command": ["true"]}),
        "--output-dir",
        folder,
    )
    assert ended.code == 10
    assert "--output-dir %s cannot be made here" % folder in ended.err
    assert ended.report["tasks"]["done"] == 0


def test_a_working_directory_that_is_gone_is_told(tmp_path):
    (tmp_path / "gone").mkdir()
    done = subprocess.run(
        [
            "sh",
            "-c",
            "rmdir ../gone; exec %s %s --workdir %s -X CheckWorkerNode"
            % (sys.executable, ROOT / "pilot.py", tmp_path),
        ],
        cwd=str(tmp_path / "gone"),
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert (done.returncode, done.stderr) == (10, b"pilot: error: the working directory is gone\n")


def test_a_report_that_cannot_be_written_is_told_by_its_place(pilot):
    ended = pilot(*FINE, "--report", "/dev/null/x/r.json")
    assert ended.code == 10 and "cannot be used: /dev/null/x: " in ended.err


@pytest.mark.parametrize(
    "closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-", ">/dev/full", "2>/dev/full", ">/dev/full 2>&1"]
)
def test_closed_or_full_streams_change_nothing(tmp_path, closed):
    command = '"$0" "$1" -X CheckWorkerNode --workdir "$2" %s' % closed
    done = subprocess.run(
        ["sh", "-c", command, sys.executable, str(ROOT / "pilot.py"), str(tmp_path / "w")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert done.returncode == 0 and b"Traceback" not in done.stderr
    assert json.loads((tmp_path / "w" / "pilot-report.json").read_text())["exit_code"] == 0


def test_a_reader_that_goes_away_changes_nothing(tmp_path):
    command = '"$0" "$1" -X CheckWorkerNode --workdir "$2" 2>&1 | true; exit ${PIPESTATUS[0]}'
    done = subprocess.run(
        ["bash", "-c", command, sys.executable, str(ROOT / "pilot.py"), str(tmp_path / "w")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert (
        done.returncode == 0
        and json.loads((tmp_path / "w" / "pilot-report.json").read_text())["exit_code"] == 0
    )


def test_odd_bytes_in_the_environment_and_in_arguments_do_no_harm(pilot, tasks_file):
    environ = {os.fsencode(key): os.fsencode(value) for key, value in os.environ.items()}
    environ[b"ODD"] = b"\xff\xfe"
    environ[b"PILOT_SITE"] = b"caf\xe9"
    ended = pilot(
        "-X",
        "CheckWorkerNode,Configure,LaunchAgent",
        "--tasks",
        tasks_file({"id": "a", "command": ["sh", "-c", "printf '%s' \"$ODD\""]}),
        "--vo",
        b"\xff".decode("utf-8", "surrogateescape"),
        env=environ,
    )
    assert ended.code == 0 and ended.report["tasks"]["done"] == 1, ended.err


@pytest.mark.parametrize(
    "environ", [{}, {"LANG": "C"}, {"PATH": "", "HOME": ""}, {"PYTHONIOENCODING": "ascii"}]
)
def test_no_home_no_path_no_language(pilot, tasks_file, environ):
    ended = pilot(
        "-X",
        "CheckWorkerNode,LaunchAgent",
        "--tasks",
        tasks_file({"id": "caf", "command": ["echo", "caf\u00e9"]}),
        env=environ,
    )
    assert ended.code == 0 and ended.report["tasks"]["done"] == 1, ended.err


def test_a_site_with_odd_characters_is_shown_somehow(pilot):
    ended = pilot(
        "--plan", *(FINE + ("--site", "caf\u00e9")), env=dict(os.environ, PYTHONIOENCODING="ascii")
    )
    assert ended.code == 0 and "caf" in ended.out


def test_an_inherited_umask_or_limit_is_no_harm(tmp_path):
    command = 'umask 077; ulimit -n 64; exec "$0" "$1" -X CheckWorkerNode --workdir "$2"'
    done = subprocess.run(
        ["sh", "-c", command, sys.executable, str(ROOT / "pilot.py"), str(tmp_path / "w")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert done.returncode == 0, done.stderr


def test_a_limit_of_the_address_space_is_the_memory_of_the_slot(tmp_path):
    command = 'ulimit -v 700000; exec "$0" "$1" -X CheckWorkerNode --workdir "$2"'
    done = subprocess.run(
        ["sh", "-c", command, sys.executable, str(ROOT / "pilot.py"), str(tmp_path / "w")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert done.returncode == 0, done.stderr
    node = json.loads((tmp_path / "w" / "pilot-report.json").read_text())["facts"]["WorkerNode"]
    told = [reading["value"] for reading in node["memory_sources"] if reading["source"] == "rlimit"]
    assert told == [683] and node["memory_mb"] <= 683
