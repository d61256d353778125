import os
import re
import shutil
import subprocess
import sys

import pytest

from commands.check_worker_node import CheckWorkerNode
from pilot.facts import GPU, WorkerNode
from pilot.base.python import interpreter
from pilot.node import cvmfs
from pilot.base.process import Result
from pilot.testing import run_command
from tests.conftest import ROOT


def test_a_fit_node_is_told_as_a_fact(tmp_path):
    trial = run_command(CheckWorkerNode, tmp_path)
    node = trial.fact(WorkerNode)
    assert trial.outcome.status == "ok"
    assert node.cores >= 1
    assert node.disk_mb > 0
    assert node.host == os.uname().nodename
    assert node.core_sources


@pytest.mark.parametrize(
    "settings, words",
    [
        ({"min_disk_mb": "900T"}, ", 943718400 needed (--min-disk-mb)"),
        ({"min_memory_mb": "900T"}, "MB of memory"),
        ({"min_cores": "10000"}, "cores, 10000 needed"),
        ({"allowed_os": "Plan 9"}, "allowed: Plan 9"),
        ({"need_programs": "no-such-tool"}, "no-such-tool is not on PATH"),
    ],
)
def test_an_unfit_node_is_refused_in_one_sentence(tmp_path, settings, words):
    outcome = run_command(CheckWorkerNode, tmp_path, settings).outcome
    assert (outcome.status, outcome.exit_code) == ("failed", 10)
    assert words in outcome.reason and "\n" not in outcome.reason


def test_a_node_without_user_namespaces_is_refused_when_they_are_needed(tmp_path, programs):
    programs.make("unshare", "exit 1")  # what would make one
    found = run_command(CheckWorkerNode, tmp_path).fact(WorkerNode).user_namespaces
    outcome = run_command(CheckWorkerNode, tmp_path, {"need_user_namespaces": True}).outcome
    assert (outcome.exit_code, "user namespaces" in outcome.reason) == (
        (0, False) if found else (10, True)
    )


def test_a_repository_has_so_long_as_was_said(tmp_path, monkeypatch):
    (tmp_path / "hangs.org").mkdir()
    os.mkfifo(str(tmp_path / "hangs.org" / "pipe"))
    monkeypatch.setattr(
        cvmfs, "_CODE", cvmfs._CODE.replace("os.listdir(path)", "open(path + '/pipe').read()")
    )
    outcome = run_command(
        CheckWorkerNode,
        tmp_path,
        {"cvmfs_repositories": "hangs.org", "cvmfs_mount": str(tmp_path), "cvmfs_timeout_s": "0.5"},
    ).outcome
    assert outcome.exit_code == 10
    assert "hangs" in outcome.reason
    assert outcome.seconds < 30


@pytest.mark.parametrize("granted, count", [({}, 2), ({"SLURM_GPUS_ON_NODE": "1"}, 1)])
def test_no_more_gpus_count_than_were_granted(tmp_path, monkeypatch, granted, count):
    # no driver here
    monkeypatch.setattr(
        "pilot.node.gpu.find",
        lambda environ: (GPU("A100", 40000, "0/GPU-1"), GPU("A100", 40000, "1/GPU-2")),
    )
    node = run_command(
        CheckWorkerNode, tmp_path, {}, environ=dict(os.environ, SLURM_JOB_ID="7", **granted)
    ).fact(WorkerNode)
    assert len(node.gpus) == count


def test_the_smallest_disk_counts(tmp_path):
    (tmp_path / "jf").mkdir()
    (tmp_path / "jf" / "scratch_limit_bytes").write_text("%d" % (300 << 20))
    outcome = run_command(
        CheckWorkerNode, tmp_path, {}, environ=dict(os.environ, JOBFEATURES=str(tmp_path / "jf"))
    ).outcome
    assert outcome.exit_code == 10 and "300 MB" in outcome.reason


def test_all_that_is_missing_is_told_at_once(tmp_path):
    reason = run_command(
        CheckWorkerNode, tmp_path, {"min_cores": 10000, "need_programs": "no-such-tool"}
    ).outcome.reason
    assert "10000 needed" in reason and "no-such-tool" in reason


def test_too_little_time_left_is_unfit_only_where_it_is_known(tmp_path, programs):
    programs.make("squeue", "echo 10:00")
    environ = dict(os.environ, SLURM_JOB_ID="7")
    reason = run_command(
        CheckWorkerNode, tmp_path, {"min_time_left_s": "1h"}, environ=environ
    ).outcome.reason
    # a busy machine takes a while to ask
    assert re.search(r"(59\d|600) s left in the slot by Slurm \(squeue\), 3600 needed", reason)
    assert run_command(CheckWorkerNode, tmp_path, {"min_time_left_s": "1h"}).outcome.status == "ok"


def test_repositories_are_read_by_a_child(tmp_path):
    (tmp_path / "cvmfs" / "good.org").mkdir(parents=True)
    (tmp_path / "cvmfs" / "good.org" / "file").write_text("")
    (tmp_path / "cvmfs" / "empty.org").mkdir()
    settings = {"cvmfs_mount": str(tmp_path / "cvmfs"), "cvmfs_repositories": "good.org"}
    assert run_command(CheckWorkerNode, tmp_path, settings).outcome.status == "ok"
    reason = run_command(
        CheckWorkerNode, tmp_path, dict(settings, cvmfs_repositories="good.org,empty.org,no.org")
    ).outcome.reason
    assert "empty.org is empty: not mounted" in reason
    assert "no.org" in reason
    assert "good.org" not in reason


def test_a_repository_is_entered_where_the_folder_above_cannot_be_listed(pilot, tmp_path):
    """As below an autofs mount, whose listing shows nothing, or is refused."""
    above = tmp_path / "cvmfs"
    (above / "good.org" / "folder").mkdir(parents=True)
    above.chmod(0o311)
    entry = [sys.executable, str(ROOT / "pilot.py")]
    if os.geteuid() == 0:  # root without the rights that stand above all modes
        if not shutil.which("setpriv"):
            pytest.skip("no setpriv to give up root's rights over files")
        entry = [
            "setpriv",
            "--bounding-set=-dac_override,-dac_read_search",
            "--inh-caps=-dac_override,-dac_read_search",
        ] + entry
    try:
        listing = subprocess.run(
            entry[:-2] + ["ls", str(above)], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        if b"denied" not in listing.stderr:
            pytest.skip("mode 0311 keeps nobody from listing here: %s" % listing.stderr.decode())
        ended = pilot(
            "-X",
            "CheckWorkerNode",
            "--cvmfs-mount",
            str(above),
            "--cvmfs-repositories",
            "good.org",
            entry=entry,
        )
        other = pilot(
            "-X",
            "CheckWorkerNode",
            "--cvmfs-mount",
            str(above),
            "--cvmfs-repositories",
            "good.org,no.org",
            entry=entry,
        )
    finally:
        above.chmod(0o700)
    assert ended.code == 0, ended.err
    assert other.code == 10
    assert "no.org is not there" in other.err
    assert "good.org" not in other.report["commands"][0]["reason"]


def test_a_repository_that_hangs_is_told_and_its_child_is_gone(tmp_path):
    os.mkfifo(str(tmp_path / "fifo"))
    # reading a pipe that nobody writes hangs like a dead mount
    code = cvmfs._CODE.replace("os.listdir(path)", "open(path).read()")
    from pilot.base import process
    result = process.run(
        [interpreter(), "-S", "-c", code, str(tmp_path / "fifo")],
        timeout_s=0.5,
        ok=None,
        grace_s=0.2,
    )
    assert "hangs" in cvmfs.judge("x", result).reason


@pytest.mark.parametrize(
    "result, ok, words",
    [
        (Result((), 0, "5 42\n", "", 0.1), True, ""),
        (Result((), 3, "0 ?\n", "", 0.1), False, "empty"),
        (
            Result((), 1, "", "OSError: [Errno 107] Transport endpoint is not connected", 0.1),
            False,
            "Errno 107",
        ),
    ],
)
def test_what_the_child_says_is_judged(result, ok, words):
    found = cvmfs.judge("x", result)
    assert found.ok is ok and words in found.reason
