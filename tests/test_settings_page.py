"""docs/settings.md, its table of relative paths: each option is tried from a folder that is not the
workdir."""

import json
import re
import stat

import pytest

from tests.conftest import ROOT

START, WORK, SOFTWARE, TASK = (
    "the folder where the pilot was started",
    "the workdir",
    "the folder of the installed software",
    "the folder of the task's file",
)
PLAN = ("-X", "CheckWorkerNode,LaunchAgent", "--tasks", "t.jsonl")
TASKS = json.dumps({"id": "t", "command": ["touch", "r"], "outputs": ["r"]}) + "\n"


def executable(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n" + text + "\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


def table():
    text = (
        (ROOT / "docs" / "settings.md")
        .read_text()
        .split("## Where a relative path counts from")[1]
        .split("\n## ")[0]
    )
    rows = re.findall(r"^\| (`.*|.*`.*) \| (.*) \|$", text, re.M)
    return {
        option: base.split(";")[0]
        for options, base in rows
        for option in re.findall(r"`([^`]+)`", options)
    }


# option -> words of the command line, the relative file that is read, its text; or (words, what is
# written)
READ = {
    "--tasks": (PLAN, "t.jsonl", TASKS),
    "--task": (
        ("-X", "CheckWorkerNode,LaunchAgent", "--task", "one.json"),
        "one.json",
        '{"command": ["true"]}',
    ),
    "--pool-token-file": (
        PLAN + ("--pool-token-file", "token", "--pool", "http://127.0.0.1:9"),
        "token",
        "",
    ),
    "--transfer-tokens": (PLAN + ("--transfer-tokens", "h=token"), "token", "x"),
    "--transfer-proxy": (PLAN + ("--transfer-proxy", "proxy"), "proxy", "x"),
    "--install env:": (("-X", "Install", "--install", "env:setup.sh"), "setup.sh", "export A=1"),
    "--install archive:": (("-X", "Install", "--install", "archive:soft.tar"), "soft.tar", None),
    "--install installer:": (
        ("-X", "Install", "--install", "installer:put.sh"),
        "put.sh",
        "#!/bin/sh\nexit 0\n",
    ),
    "--probes": (("-X", "RunProbes", "--probes", "./probe"), "probe", "#!/bin/sh\nexit 0\n"),
    "--execute": (
        ("-X", "CheckWorkerNode,LaunchAgent", "--execute", "./agent"),
        "agent",
        "#!/bin/sh\nexit 0\n",
    ),
}
WRITTEN = {
    "--workdir": (PLAN + ("--workdir", "other"), "other/pilot-report.json"),
    "--report": (PLAN + ("--report", "my.json"), "my.json"),
    "--output-dir": (PLAN + ("--output-dir", "out"), "out/t.1/r"),
    "--events file:": (PLAN + ("--events", "file:told"), "told"),
    "--pool sqlite:": (PLAN + ("--pool", "sqlite:p.sqlite"), "p.sqlite"),
    "--cpu-cache": (
        (
            "-X",
            "CheckWorkerNode,CPUNormalization",
            "--fast",
            "--cpu-cache",
            "score",
            "--cpu-copies",
            "1",
        ),
        "score",
    ),
    "--agent-config": (("-X", "CheckWorkerNode,Configure", "--agent-config", "a.json"), "a.json"),
}
# tests of their own
ELSEWHERE = {"--drain-files", "--install-setup", "inputs", "container", "url", "outputs"}


def test_every_row_is_tried():
    assert set(table()) == set(READ) | set(WRITTEN) | ELSEWHERE


@pytest.mark.parametrize("option", sorted(READ))
def test_a_relative_file_is_read_where_the_table_says(pilot, tmp_path, option):
    words, name, text = READ[option]
    folders = {START: tmp_path, WORK: tmp_path / "work"}
    (tmp_path / "work").mkdir()
    (tmp_path / "t.jsonl").write_text(TASKS)
    codes = {}
    for base, folder in folders.items():
        path = folder / name
        if text is None:
            import tarfile
            (tmp_path / "f").write_text("x")
            with tarfile.open(str(path), "w") as archive:
                archive.add(str(tmp_path / "f"), "top/f")
        else:
            path.write_text(text)
        path.chmod(0o755)
        ended = pilot(*words)
        codes[base] = (
            ended.code,
            "no such file" in ended.err.lower()
            or "there is no" in ended.err
            or "cannot be read" in ended.err,
        )
        path.unlink()
    right = table()[option]
    wrong = next(base for base in codes if base != right)
    assert codes[right][0] != codes[wrong][0] or (codes[wrong][1] and not codes[right][1]), codes
    assert codes[wrong][1], codes


@pytest.mark.parametrize("option", sorted(WRITTEN))
def test_a_relative_file_is_written_where_the_table_says(pilot, tmp_path, option):
    words, name = WRITTEN[option]
    (tmp_path / "t.jsonl").write_text(TASKS)
    ended = pilot(*words, **({"workdir": None} if option == "--workdir" else {}))
    assert ended.code == 0, ended.err
    folders = {START: tmp_path, WORK: tmp_path / "work"}
    assert [base for base, folder in folders.items() if (folder / name).exists()] == [
        table()[option]
    ]


def test_a_drain_file_counts_from_where_the_pilot_was_started(pilot, tmp_path):
    (tmp_path / "t.jsonl").write_text(TASKS)
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "drain").write_text("")
    assert pilot(*PLAN, "--drain-files", "drain").report["tasks"]["done"] == 1
    (tmp_path / "drain").write_text("")
    assert pilot(*PLAN, "--drain-files", "drain").report["tasks"]["done"] == 0
    assert table()["--drain-files"] == START


def test_a_setup_script_counts_from_the_installed_software(pilot, tmp_path):
    import tarfile
    executable(tmp_path / "top" / "setup.sh", "export A=1")
    (tmp_path / "work").mkdir()
    with tarfile.open(str(tmp_path / "work" / "soft.tar"), "w") as archive:
        archive.add(str(tmp_path / "top"), "top")
    ended = pilot("-X", "Install", "--install", "archive:soft.tar", "--install-setup", "setup.sh")
    assert ended.code == 0 and table()["--install-setup"] == SOFTWARE, ended.err


def test_files_of_a_task_count_from_its_file(pilot, tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "in").write_text("x")
    (tmp_path / "sub" / "t.jsonl").write_text(
        json.dumps(
            {
                "id": "t",
                "command": ["cp", "in", "r"],
                "inputs": ["in"],
                "outputs": [{"name": "r", "url": "out/r"}],
            }
        )
        + "\n"
    )
    ended = pilot("-X", "CheckWorkerNode,LaunchAgent", "--tasks", "sub/t.jsonl")
    assert (
        ended.report["tasks"]["done"] == 1 and (tmp_path / "sub" / "out" / "r").read_text() == "x"
    )
    assert {table()[key] for key in ("inputs", "outputs", "url", "container")} == {TASK}


def test_what_the_program_of_execute_receives(pilot, tmp_path, programs):
    programs.make(
        "my-agent",
        'pwd; echo "id=$PILOT_ID config=$PILOT_AGENT_CONFIG token=$PILOT_POOL_TOKEN_FILE own=$OWN"',
    )
    (tmp_path / "token").write_text("x")
    (tmp_path / "setup.sh").write_text("export OWN=software")
    ended = pilot(
        "-X",
        "CheckWorkerNode,Install,Configure,LaunchAgent",
        "--install",
        "env:setup.sh",
        "--pilot-id",
        "p1",
        "--pool-token-file",
        "token",
        "--execute",
        "my-agent",
    )
    work = str(tmp_path / "work")
    assert ended.code == 0 and "%s\n" % work in (ended.workdir / "pilot.log").read_text()
    assert (
        "id=p1 config=%s/pilot-agent.json token=%s own=software" % (work, tmp_path / "token")
        in (ended.workdir / "pilot.log").read_text()
    )
