"""Pilots as processes of this machine."""

import os
import signal
import subprocess
import sys

import pytest

from pilot.ops.factory.backends import local, make_backend
from pilot.ops.factory.backends.backend import Submission
from pilot.ops.factory.jobs import JobState, SubmissionRefused
from tests.conftest import ROOT, until

TAG = "pabcdefghjkm"


@pytest.fixture
def submit(tmp_path):
    """Submit a Python script in place of the pilot; returns the backend. Ends what is left."""
    backend = make_backend("local", dict(os.environ), str(tmp_path / "book"))

    def start(code, pilots=1, tag=TAG, **more):
        folder = tmp_path / "outputs" / tag
        folder.mkdir(parents=True)
        (folder / "job.py").write_text(code)
        backend.submit(Submission(tag, pilots, str(folder), "job.py", **more))
        return backend

    yield start
    backend.cancel([job.id for job in backend.list_jobs().jobs])
    until(lambda: not live(backend), what="the end of all jobs")


def live(backend):
    return [
        job for job in backend.list_jobs().jobs
        if job.state in (JobState.PENDING, JobState.RUNNING)
    ]


def states(backend):
    return [(job.number, job.state, job.exit_code) for job in backend.list_jobs().jobs]


def test_jobs_have_numbers_outputs_and_exit_codes(submit, tmp_path):
    backend = submit(
        "import os, sys; n = int(os.environ['LOCAL_JOB_NUMBER']); print('job', n); sys.exit(n)", 3
    )
    until(lambda: not live(backend))
    assert states(backend) == [
        (0, JobState.OK, 0), (1, JobState.FAILED, 1), (2, JobState.FAILED, 2),
    ]
    (_, path) = backend.output_files(str(tmp_path / "outputs" / TAG), 2)
    with open(path) as stream:
        assert stream.read() == "job 2\n"


def test_a_job_runs_in_its_folder_with_the_site_s_environment(submit, tmp_path):
    backend = submit(
        "import os; open('seen', 'w').write(os.environ['A'] + os.getcwd())",
        environment=(("A", "x y"),),
    )
    until(lambda: not live(backend))
    folder = tmp_path / "outputs" / TAG / "job-0"
    assert (folder / "seen").read_text() == "x y%s" % folder


def test_a_job_outlives_the_factory(submit, tmp_path):
    """Another process submits, and is killed at once."""
    folder = tmp_path / "outputs" / TAG
    folder.mkdir(parents=True)
    (folder / "job.py").write_text("import signal; signal.pause()")
    code = (
        "import os, sys; from pilot.ops.factory.backends import make_backend;"
        "from pilot.ops.factory.backends.backend import Submission;"
        "make_backend('local', dict(os.environ), %r).submit(Submission(%r, 2, %r, 'job.py'));"
        "os.kill(os.getpid(), 9)" % (str(tmp_path / "book"), TAG, str(folder))
    )
    assert subprocess.call([sys.executable, "-c", code], cwd=str(ROOT)) == -signal.SIGKILL
    backend = make_backend("local", dict(os.environ), str(tmp_path / "book"))
    until(lambda: [job.state for job in backend.list_jobs().jobs] == [JobState.RUNNING] * 2)
    backend.cancel(["%s-0" % TAG])
    until(lambda: states(backend)[0] == (0, JobState.FAILED, 143))
    assert states(backend)[1][1] == JobState.RUNNING
    backend.cancel(["%s-1" % TAG])
    until(lambda: not live(backend))


def test_a_pilot_that_handles_the_signal_ends_with_its_own_code(submit):
    backend = submit(
        "import signal, sys, threading\n"
        "def end(*_):\n    threading.Event().wait(0.3); sys.exit(7)\n"
        "signal.signal(signal.SIGTERM, end)\nprint('up', flush=True)\n"
        "while True: signal.pause()\n"
    )
    (job,) = backend.list_jobs().jobs
    out = os.path.join(os.path.dirname(backend._folder), "..", "outputs", TAG, "job-0", "pilot.out")
    until(lambda: os.path.exists(out) and os.path.getsize(out))
    backend.cancel([job.id])
    until(lambda: states(backend) == [(0, JobState.FAILED, 7)])


def test_a_job_that_is_cancelled_as_it_starts_has_the_signal_s_code(tmp_path):
    """The signal comes as soon as the job's pid can be read."""
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "mv").write_text(
        '#!/bin/sh\nPATH=/usr/bin:/bin; mv "$@"; [ "$2" != pid ] || kill -TERM 0\n'
    )
    (programs / "mv").chmod(0o755)
    environ = dict(os.environ, PATH="%s:%s" % (programs, os.environ["PATH"]))
    backend = make_backend("local", environ, str(tmp_path / "book"))
    (tmp_path / "job.py").write_text("import signal; signal.pause()")
    backend.submit(Submission(TAG, 1, str(tmp_path), "job.py"))
    until(lambda: not live(backend))
    assert states(backend) == [(0, JobState.FAILED, 143)]


def test_a_job_that_ends_while_it_is_looked_at_has_its_code(submit, monkeypatch):
    backend = submit("import signal; signal.pause()")
    until(lambda: states(backend) == [(0, JobState.RUNNING, None)])
    read_pid = local._read_pid

    def end_first(folder):
        os.killpg(read_pid(folder), signal.SIGTERM)
        until(lambda: os.path.exists(os.path.join(folder, "exit")) and read_pid(folder) is None)
        return None

    monkeypatch.setattr(local, "_read_pid", end_first)
    monkeypatch.setattr(backend, "_collect_children", lambda: None)
    assert states(backend) == [(0, JobState.FAILED, 143)]
    monkeypatch.undo()


def test_a_killed_job_has_failed(submit):
    backend = submit("import signal; signal.pause()")
    until(lambda: states(backend) == [(0, JobState.RUNNING, None)])
    pid_file = os.path.join(os.path.dirname(backend._folder), "..", "outputs", TAG, "job-0", "pid")
    with open(pid_file) as stream:
        os.killpg(int(stream.read()), signal.SIGKILL)
    until(lambda: states(backend) == [(0, JobState.FAILED, None)])


def test_a_recycled_pid_is_no_job(submit):
    backend = submit("import signal; signal.pause()")
    until(lambda: states(backend) == [(0, JobState.RUNNING, None)])
    folder = os.path.join(os.path.dirname(backend._folder), "..", "outputs", TAG, "job-0")
    with open(os.path.join(folder, "pid")) as stream:
        group = int(stream.read())
    with open(os.path.join(folder, "pid"), "w") as stream:
        stream.write("%d\n" % os.getpid())
    assert states(backend) == [(0, JobState.FAILED, None)]
    backend.cancel(["%s-0" % TAG])  # we live on
    os.killpg(group, signal.SIGKILL)


def test_a_job_that_is_just_starting_has_not_failed(submit, tmp_path):
    """Its pid is not written yet."""
    backend = submit("pass")
    until(lambda: not live(backend))
    folder = tmp_path / "starting"
    folder.mkdir()
    (folder / "pid.part").write_text("")
    path = tmp_path / "book" / "local" / (TAG + "-3.json")
    path.write_text('{"tag": "%s", "number": 3, "folder": "%s"}' % (TAG, folder))
    assert states(backend)[1] == (3, JobState.PENDING, None)
    path.unlink()


def test_more_cores_than_the_machine_has_are_refused(submit, tmp_path):
    backend = make_backend("local", {}, str(tmp_path))
    with pytest.raises(SubmissionRefused, match="this machine has .* cores, not 1000"):
        backend.check(Submission(TAG, 1, str(tmp_path), "job.py", cores=1000))


def test_a_folder_that_cannot_be_made_is_refused(submit, tmp_path):
    (tmp_path / "file").write_text("")
    backend = make_backend("local", {}, str(tmp_path))
    with pytest.raises(SubmissionRefused, match="a job cannot be started"):
        backend.submit(Submission(TAG, 1, str(tmp_path / "file"), "job.py"))


def test_a_job_that_was_never_started_has_failed(submit, tmp_path):
    backend = submit("pass")
    until(lambda: not live(backend))
    path = tmp_path / "book" / "local" / (TAG + "-7.json")
    path.write_text('{"tag": "%s", "number": 7, "folder": "/nowhere"}' % TAG)
    assert states(backend)[1] == (7, JobState.PENDING, None)
    os.utime(str(path), (1, 1))
    assert states(backend)[1] == (7, JobState.FAILED, None)


def test_what_is_no_record_is_passed_over(submit, tmp_path):
    backend = submit("pass")
    (tmp_path / "book" / "local" / "odd.json").write_text("{")
    until(lambda: not live(backend))
    assert len(backend.list_jobs().jobs) == 1
