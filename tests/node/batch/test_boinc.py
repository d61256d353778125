"""BOINC's slots."""

from pilot.node.batch.detect import detect_job


def test_a_volunteers_bounds_are_the_slots(tmp_path, monkeypatch, pilot):
    (tmp_path / "init_data.xml").write_text(
        "<app_init_data>\n<app_name>pilot</app_name>\n<result_name>res1</result_name>\n"
        "<ncpus>1.000000</ncpus>\n<rsc_memory_bound>536870912.000000</rsc_memory_bound>\n"
        "<rsc_disk_bound>2147483648</rsc_disk_bound>\n"
        "<computation_deadline>1600.5</computation_deadline>\n</app_init_data>\n"
    )
    monkeypatch.chdir(str(tmp_path))
    job = detect_job({}, 1000.5)
    assert (job.system, job.job_id, job.cores, job.memory_mb, job.disk_mb, job.time_left_s) == (
        "BOINC",
        "res1",
        1,
        512,
        2048,
        600.0,
    )
    ended = pilot("-X", "CheckWorkerNode", "--hold-s", "0")
    node = ended.report["facts"]["WorkerNode"]
    assert (node["cores"], node["memory_mb"], node["disk_mb"]) == (1, 512, 2048)
