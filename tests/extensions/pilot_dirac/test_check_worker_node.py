"""DIRAC's CheckWorkerNode: the toolbox's, with its limit of free disk."""

import os


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
