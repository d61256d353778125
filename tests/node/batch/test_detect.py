"""Which batch system we run under, asked as a job's environment and own program answer."""

import os
from pathlib import Path

import pytest

from pilot.node.batch.detect import detect_job
from pilot.node import batch
from pilot.node.batch.detect import load_system

NOW = 1795230000.0

QSTAT_F = """Job Id: 4711.pbs.example.org
    Job_Name = pilot
    job_state = R
    queue = long
    resources_used.cput = 00:10:00
    resources_used.walltime = 01:00:30
    Resource_List.ncpus = 4
    Resource_List.walltime = 48:00:00
    server = pbs.example.org
"""


@pytest.mark.parametrize(
    "environ, expected",
    [
        (
            {
                "SLURM_JOB_ID": "7",
                "SLURM_CPUS_ON_NODE": "4",
                "SLURM_MEM_PER_NODE": "8000",
                "SLURM_JOB_PARTITION": "long",
                "SLURM_JOB_END_TIME": "1795230600",
                "SLURM_GPUS_ON_NODE": "2",
            },
            ("Slurm", "7", "long", 4, 8000, 2, 600.0),
        ),
        (
            {
                "SLURM_JOBID": "7",
                "SLURM_JOB_CPUS_PER_NODE": "8(x2),4",
                "SLURM_MEM_PER_CPU": "1000",
                "SLURM_JOB_GPUS": "0,1",
            },
            ("Slurm", "7", "", 8, 8000, 2, None),
        ),
        (
            {"LSB_JOBID": "9", "LSB_QUEUE": "q", "LSB_DJOB_NUMPROC": "6"},
            ("LSF", "9", "q", 6, None, None, None),
        ),
        (
            {"LSB_BATCH_JID": "9", "LSB_MCPU_HOSTS": "h1 2 h2 2"},
            ("LSF", "9", "", 2, None, None, None),
        ),
        (
            {"PBS_JOBID": "4711.x", "PBS_QUEUE": "short", "PBS_NUM_PPN": "3"},
            ("PBS", "4711.x", "short", 3, None, None, None),
        ),
        (
            {"PBS_JOBID": "4711.x", "PBS_O_QUEUE": "o", "NCPUS": "2"},
            ("PBS", "4711.x", "o", 2, None, None, None),
        ),
        (
            {"JOB_ID": "5", "SGE_TASK_ID": "undefined", "QUEUE": "all.q", "NSLOTS": "4"},
            ("GridEngine", "5", "all.q", 4, None, None, None),
        ),
        ({"OAR_JOB_ID": "5"}, ("OAR", "5", "", None, None, None, None)),
        ({"FLUX_JOB_ID": "f23"}, ("Flux", "f23", "", None, None, None, None)),
        ({"HTCONDOR_JOBID": "1.0"}, ("HTCondor-CE", "1.0", "", None, None, None, None)),
        (
            {"GRID_GLOBAL_JOBURL": "https://arc/x"},
            ("ARC", "https://arc/x", "", None, None, None, None),
        ),
        (
            {"KUBERNETES_SERVICE_HOST": "10.0.0.1", "HOSTNAME": "pod-1"},
            ("Kubernetes", "pod-1", "", None, None, None, None),
        ),
    ],
)
def test_each_system_is_known_by_its_variables(environ, expected):
    job = detect_job(environ, NOW, ask=False)
    assert (
        job.system,
        job.job_id,
        job.queue,
        job.cores,
        job.memory_mb,
        job.gpus,
        job.time_left_s,
    ) == expected


def test_a_ce_around_a_system_is_told_besides(tmp_path):
    job = detect_job({"GRID_GLOBAL_JOBID": "g", "SLURM_JOB_ID": "7"}, NOW, ask=False)
    assert job.system == "Slurm"
    assert job.others == ("ARC",)


def test_outside_all_there_is_a_cloud_or_just_this_machine(tmp_path):
    (tmp_path / "id").write_text("i-0123\n")
    assert detect_job({}, NOW, cloud_id=str(tmp_path / "id"))[:2] == ("cloud", "i-0123")
    assert detect_job({}, NOW, cloud_id=str(tmp_path / "no")).system == "local"


def test_each_file_of_a_system_is_listed_with_its_marks():
    # boinc: known by a file, not by a variable
    shared = {"__init__", "detect", "readers", "system", "boinc"}
    assert (
        set(batch.MARKS)
        == {path.stem for path in Path(batch.__file__).parent.glob("*.py")} - shared
    )
    assert len({load_system(module).name for module in batch.MARKS}) == len(batch.MARKS)


@pytest.mark.parametrize(
    "environ, program, output, left",
    [
        ({"SLURM_JOB_ID": "7"}, "squeue", "1-02:03:04", 93784.0),
        ({"SLURM_JOB_ID": "7"}, "squeue", "UNLIMITED", None),
        ({"SLURM_JOB_ID": "7"}, "squeue", "59:30", 3570.0),
        ({"SLURM_JOB_ID": "7"}, "squeue", "", None),
        ({"LSB_JOBID": "7"}, "bjobs", "5:10 L", 18600.0),
        ({"LSB_JOBID": "7"}, "bjobs", "-", None),
        ({"PBS_JOBID": "4711"}, "qstat", QSTAT_F, 169170.0),
        ({"PBS_JOBID": "4711"}, "qstat", "junk", None),
        ({"FLUX_JOB_ID": "f"}, "flux", "1234", 1234.0),
        ({"FLUX_JOB_ID": "f"}, "flux", "error", None),
    ],
)
def test_the_systems_own_program_is_asked_for_the_time_left(
    programs, monkeypatch, environ, program, output, left
):
    programs.make(program, "cat <<'E'\n%s\nE" % output)
    job = detect_job(dict(environ, PATH=os.environ["PATH"]), NOW)
    assert job.time_left_s == left
    assert job.source == (program if left is not None else "")
    assert len(programs.calls(program)) == 1


def test_a_program_that_fails_or_is_missing_tells_nothing(programs):
    programs.make("squeue", "echo 1:00; exit 1")
    assert detect_job({"SLURM_JOB_ID": "7", "PATH": os.environ["PATH"]}, NOW).time_left_s is None
    assert detect_job({"SLURM_JOB_ID": "7", "PATH": "/nowhere"}, NOW).time_left_s is None
