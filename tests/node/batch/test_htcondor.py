"""HTCondor."""

import pytest

from pilot.node.batch.detect import detect_job
from pilot.node.batch.htcondor import parse_ad

NOW = 1795230000.0

JOB_AD = """ClusterId = 12
ProcId = 3
GlobalJobId = "host#12.3#1795229000"
CpusProvisioned = 4
MemoryProvisioned = 8192
GpusProvisioned = 1
JobCurrentStartDate = 1795229000
AllowedExecuteDuration = 3600
Requirements = (TARGET.Arch == "X86_64")
DiskProvisioned = 100
Undefined = undefined
"""


def test_condors_job_ad_tells_what_its_environment_does_not(tmp_path):
    (tmp_path / ".job.ad").write_text(JOB_AD)
    job = detect_job({"_CONDOR_JOB_AD": str(tmp_path / ".job.ad")}, NOW, ask=False)
    assert (job.system, job.job_id, job.cores, job.memory_mb, job.gpus, job.time_left_s) == (
        "HTCondor",
        "12.3",
        4,
        8192,
        1,
        2600.0,
    )
    assert job.disk_mb is None  # DiskProvisioned is no bound: docs/worlds.md


@pytest.mark.parametrize(
    "lines, left",
    [
        ("AllowedJobDuration = 7200", 6200.0),
        ("MaxRuntime = 1800", 800.0),
        ("BatchRuntime = 259200", 258200.0),
        ("AllowedExecuteDuration = 3600\nMaxRuntime = 2000", 1000.0),
        ("BatchRuntime = 500", 0.0),
        ("", None),
        ("AllowedJobDuration = undefined\nMaxRuntime = (60 * 60)", None),
    ],
)
def test_condors_ends_count_from_the_jobs_start_and_the_first_holds(tmp_path, lines, left):
    (tmp_path / ".job.ad").write_text(
        "ClusterId = 12\nJobCurrentStartDate = %d\n%s\n" % (NOW - 1000, lines)
    )
    job = detect_job({"_CONDOR_JOB_AD": str(tmp_path / ".job.ad")}, NOW, ask=False)
    assert job.time_left_s == left
    assert bool(job.source) == (left is not None)


def test_a_missing_ad_is_no_harm():
    assert (
        detect_job({"_CONDOR_JOB_AD": "/nowhere", "OMP_NUM_THREADS": "2"}, NOW, ask=False).cores
        == 2
    )


def test_ads_keep_expressions_as_text():
    ad = parse_ad(JOB_AD)
    assert ad["GlobalJobId"] == "host#12.3#1795229000"
    assert ad["Undefined"] == "undefined"
    assert "TARGET" in ad["Requirements"]
