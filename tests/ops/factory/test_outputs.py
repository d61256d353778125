"""The files of ended submissions."""

import os

from pilot.ops.factory.outputs import KEEP_BYTES, cut_outputs


def test_long_files_keep_head_and_tail(tmp_path):
    job = tmp_path / "job-0"
    job.mkdir()
    data = b"head" + b"x" * (3 * KEEP_BYTES) + b"tail"
    for name in ("pilot.out", "pilot-report.json"):
        (job / name).write_bytes(data)
    (tmp_path / "job-0.out").write_bytes(data)
    (job / "pilot.err").write_bytes(b"short")
    kept_mb = cut_outputs(str(tmp_path))
    for path in (job / "pilot.out", tmp_path / "job-0.out"):
        cut = path.read_bytes()
        assert cut.startswith(b"headx") and cut.endswith(b"xtail")
        assert b"... %d bytes are left out here ..." % (len(data) - KEEP_BYTES) in cut
        assert len(cut) < KEEP_BYTES + 100
    assert (job / "pilot.err").read_bytes() == b"short"
    assert (job / "pilot-report.json").read_bytes() == data  # half of it would be no report
    assert 5.0 < kept_mb < 5.1


def test_what_tasks_brought_out_is_neither_cut_nor_counted(tmp_path):
    out = tmp_path / "job-0" / "outputs" / "a.1"
    out.mkdir(parents=True)
    (out / "result").write_bytes(b"x" * (2 * KEEP_BYTES))
    assert cut_outputs(str(tmp_path)) == 0.0
    assert (out / "result").stat().st_size == 2 * KEEP_BYTES


def test_the_sandbox_of_a_failed_payload_is_counted_and_stays_as_it_is(tmp_path):
    home = tmp_path / "job-0" / "pilot-x" / "tasks" / "a.1" / "work"
    home.mkdir(parents=True)
    (home / "core").write_bytes(b"x" * (2 * KEEP_BYTES))
    assert cut_outputs(str(tmp_path)) == 2.0
    assert (home / "core").stat().st_size == 2 * KEEP_BYTES


def test_links_are_not_followed(tmp_path):
    (tmp_path / "far").write_bytes(b"x" * (2 * KEEP_BYTES))
    folder = tmp_path / "folder"
    folder.mkdir()
    os.symlink(str(tmp_path / "far"), str(folder / "pilot.out"))
    assert cut_outputs(str(folder)) == 0.0
    assert (tmp_path / "far").stat().st_size == 2 * KEEP_BYTES


def test_a_folder_that_is_gone_keeps_nothing(tmp_path):
    assert cut_outputs(str(tmp_path / "gone")) == 0.0
