"""What batch systems get."""

import json
import os
import subprocess
import sys

import pytest

from pilot.ops.ship.check import odd_variables
from tests.ops.ship.words import SLOT, WORDS


def header(path, mark):
    lines = path.read_text().splitlines()
    assert lines[0] == "#!/usr/bin/env python3"
    return [line for line in lines[:20] if line.startswith(mark)]


def test_slurms_script_asks_for_the_slot_and_a_warning(ship):
    folder, said = ship("slurm", *(SLOT + ("--queue", "long", "--count", "3") + WORDS))
    found = header(folder / "pilot-job.py", "#SBATCH")
    assert {
        "#SBATCH --cpus-per-task=2",
        "#SBATCH --mem=2048M",
        "#SBATCH --time=2:00:00",
        "#SBATCH --signal=B:USR1@120",
        "#SBATCH --partition=long",
        "#SBATCH --array=0-2",
    } <= set(found)
    assert "sbatch pilot-job.py" in said


def test_grid_engines_script_too(ship):
    folder, _ = ship("gridengine", *SLOT)
    assert {"#$ -notify", "#$ -pe smp 2", "#$ -l h_vmem=1024M", "#$ -l h_rt=7200"} <= set(
        header(folder / "pilot-job.py", "#$")
    )


JOB = ("--name", "mine", "--environment", "A=b;c", "--environment", "D=1", "--results", "/data/out")


def test_a_job_has_a_name_variables_and_a_folder_for_its_outputs(ship):
    folder, _ = ship("slurm", *JOB)
    text = (folder / "pilot-job.py").read_text(errors="replace")
    assert {
        "#SBATCH --job-name=mine", "#SBATCH --export=ALL,A=b;c,D=1",
        "#SBATCH --output=/data/out/pilot-%j.out",
    } <= set(header(folder / "pilot-job.py", "#SBATCH"))
    assert "/data/out/pilot-${SLURM_JOB_ID}" in text
    folder, _ = ship("gridengine", *JOB)
    assert {"#$ -N mine", "#$ -v A=b;c,D=1", "#$ -o /data/out"} <= set(
        header(folder / "pilot-job.py", "#$")
    )
    folder, _ = ship("htcondor", *JOB)
    lines = (folder / "pilot.sub").read_text().splitlines()
    assert "batch_name = mine" in lines
    assert "environment = \"'A=b;c' 'D=1'\"" in lines
    assert "output = /data/out/pilot-$(ClusterId).$(ProcId).out" in lines
    assert any("pilot.log = /data/out/pilot-$(ClusterId).$(ProcId).pilot.log" in line for line in lines)
    folder, _ = ship("arc", *JOB[:-2])
    text = (folder / "pilot.xrsl").read_text()
    assert '(jobname="mine")' in text and '(environment=("A" "b;c")("D" "1"))' in text


@pytest.mark.parametrize("value", ["a b", "a,b", 'a"b', "a'b", "a\\b", "a\nb"])
def test_a_variable_that_a_batch_system_would_misread_is_refused(value):
    assert odd_variables([("A", value)]) and not odd_variables([("A", "x=z;$HOME")])


def test_a_slot_that_is_not_asked_for_is_left_to_the_system(ship):
    folder, _ = ship("slurm")
    assert not any(
        word in line
        for line in header(folder / "pilot-job.py", "#SBATCH")
        for word in ("--mem", "--time", "--cpus", "--array", "--signal")
    )


@pytest.mark.parametrize("world", ["slurm", "gridengine", "arc"])
def test_a_script_alone_is_a_whole_pilot_with_its_words(ship, tmp_path, world):
    folder, _ = ship(world, *(SLOT + WORDS))
    alone = tmp_path / "spool"
    alone.mkdir()
    (folder / "pilot-job.py").rename(alone / "slurm_script")
    more = [] if world != "arc" else list(WORDS[1:]) + ["--max-walltime", "7200"]
    tools = subprocess.run(
        [sys.executable, str(alone / "slurm_script"), "-m", "pilot.pool"], stderr=subprocess.PIPE
    )
    # -m is heard without those words, and a job carries no operators' tools
    assert b"this file has no pilot.pool" in tools.stderr
    done = subprocess.run(
        [sys.executable, str(alone / "slurm_script")] + more,
        cwd=str(tmp_path),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=dict(os.environ, SLURM_JOB_ID="7", JOB_ID="7", SGE_TASK_ID="1", PATH="/usr/bin:/bin"),
    )
    assert done.returncode == 0, done.stderr
    place = {"slurm": "pilot-7", "gridengine": "pilot-7", "arc": "."}[world]
    settings = json.loads((tmp_path / place / "pilot-report.json").read_text())["settings"]
    assert settings["site"]["value"] == WORDS[-1]
    assert settings["max_walltime"]["value"] == 7200
    assert [path.name for path in alone.iterdir()] == ["slurm_script"]


@pytest.mark.parametrize(
    "world, name",
    [
        ("slurm", "pilot-job.py"),
        ("gridengine", "pilot-job.py"),
        ("arc", "pilot-job.py"),
        ("htcondor", "pilot.pyz"),
    ],
)
def test_nothing_is_written_beside_a_script_that_runs_tasks(ship, tmp_path, world, name):
    """A batch system's spool, or a project's folder that all slots of a machine share."""
    (tmp_path / "tasks.jsonl").write_text('{"id": "a", "command": ["true"]}\n')
    words = (
        "-X",
        "CheckWorkerNode,Install,Configure,LaunchAgent",
        "--tasks",
        str(tmp_path / "tasks.jsonl"),
    )
    folder, _ = ship(world, "--", *words)
    spool = tmp_path / "spool"
    spool.mkdir()
    data = (folder / name).read_bytes()
    (folder / name).rename(spool / name)
    (tmp_path / "cwd").mkdir()
    done = subprocess.run(
        [sys.executable, os.path.join("..", "spool", name)]
        + list(words if world in ("arc", "htcondor") else ()),
        cwd=str(tmp_path / "cwd"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={"PATH": "/usr/bin:/bin", "SLURM_JOB_ID": "7", "JOB_ID": "7", "SGE_TASK_ID": "1"},
    )
    assert done.returncode == 0, done.stderr
    report = next((tmp_path / "cwd").glob("**/pilot-report.json"))
    assert json.loads(report.read_text())["tasks"]["done"] == 1
    assert [path.name for path in spool.iterdir()] == [name]
    assert (spool / name).read_bytes() == data


def test_condors_submit_file_acts_upon_the_exit_code(ship):
    folder, _ = ship("htcondor", *(SLOT + WORDS))
    text = (folder / "pilot.sub").read_text()
    assert "request_cpus = 2" in text
    assert "request_memory = 2048M" in text
    assert "allowed_execute_duration = 7200" in text
    assert "'it''s \"\"odd\"\" $HOME %h'" in text
    assert "on_exit_hold = (ExitBySignal == False) && (ExitCode == 2)" in text
    assert (
        os.access(str(folder / "pilot.pyz"), os.X_OK)
        and not os.access(str(folder / "pilot.sub"), os.X_OK)
        or os.geteuid() == 0
    )
    assert (folder / "pilot.sub").stat().st_mode & 0o777 == 0o644
    assert "on_exit_remove = (NumJobStarts >= 5) || " in text


def test_one_pilot_of_slurm_has_a_folder_by_its_jobs_number(ship):
    folder, _ = ship("slurm")
    assert b"pilot-${SLURM_JOB_ID}" in (folder / "pilot-job.py").read_bytes()


def test_of_several_pilots_of_slurm_each_has_a_folder_by_its_place_in_the_array(ship):
    folder, _ = ship("slurm", "--count", "2")
    text = (folder / "pilot-job.py").read_bytes()
    assert b"pilot-${SLURM_ARRAY_JOB_ID}_${SLURM_ARRAY_TASK_ID}" in text


def test_several_pilots_of_grid_engine_are_an_array(ship):
    folder, _ = ship("gridengine", "--count", "5", "--queue", "all.q")
    assert {"#$ -t 1-5", "#$ -q all.q"} <= set(header(folder / "pilot-job.py", "#$"))


def test_memory_that_does_not_divide_is_rounded_up_for_each_slot(ship):
    folder, _ = ship("gridengine", "--cores", "3", "--memory", "1000")
    assert "#$ -l h_vmem=334M" in header(folder / "pilot-job.py", "#$")


def test_arcs_description_asks_for_the_slot(ship):
    folder, said = ship("arc", *(SLOT + ("--queue", "long")))
    text = (folder / "pilot.xrsl").read_text()
    wanted = [
        '(count="2")(countpernode="2")',
        '(memory="1024")',
        '(walltime="120 minutes")',
        '(queue="long")',
    ]
    assert [one for one in wanted if one not in text] == []


def test_arcs_description_quotes_the_words(ship):
    folder, _ = ship("arc", *WORDS)
    text = (folder / "pilot.xrsl").read_text()
    assert '"--site" "it\'s ""odd"" $HOME %h"' in text


def test_condor_queues_as_many_pilots_as_were_asked_for(ship):
    folder, _ = ship("htcondor", "--count", "7")
    assert (folder / "pilot.sub").read_text().splitlines()[-1] == "queue 7"
