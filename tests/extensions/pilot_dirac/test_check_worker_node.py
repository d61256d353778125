"""DIRAC's CheckWorkerNode: the toolbox's, with its limit of free disk."""

import os

from tests.conftest import extension

CheckWorkerNode = extension("pilot_dirac.check_worker_node").CheckWorkerNode


def test_a_failure_before_any_configuration_keeps_its_code_and_reason(flight):
    ended = flight("-D", "999999999")
    assert ended.code == 10
    assert "MB free" in ended.out
    assert not (ended.workdir / "pilot.cfg").exists()


def test_job_features_in_a_folder_count(pilot, tmp_path):
    features = tmp_path / "jf"
    features.mkdir()
    (features / "allocated_cpu").write_text("1\n")
    ended = pilot(
        "-E", "dirac", "-X", "CheckWorkerNode", env=dict(os.environ, JOBFEATURES=str(features))
    )
    assert ended.code == 0
    assert ended.report["facts"]["WorkerNode"]["cores"] == 1


def test_diracs_limit_of_free_disk_is_the_default(pilot):
    settings = pilot("-E", "dirac", "-X", "CheckWorkerNode").report["settings"]
    assert settings["min_disk_mb"]["value"] == 2560


def test_the_toolboxs_own_rules_hold(step):
    outcome = step(CheckWorkerNode, {"min_disk_mb": 1, "need_programs": "no-such-program"}).outcome
    assert outcome.exit_code == 10
    assert "no-such-program is not on PATH" in outcome.reason
