"""Pilots as processes of this machine. Each job has a file in `local/` of the book: it is written
before the process starts, and names the folder in which the job leaves its pid and exit code."""

import json
import os
import signal
import sys
import time
from typing import Any, Dict, List, Optional, Sequence

from pilot.base import process, process_tree
from pilot.base.files import write_file
from pilot.ops.factory.backends.backend import Backend, Submission
from pilot.ops.factory.backends.commands import existing
from pilot.ops.factory.jobs import JobList, Job, JobState, NoAnswer, SubmissionRefused, pilot_id

REMEMBER_S = 600.0  # how long an ended job is listed
START_S = 30.0  # a job that has no pid after this time was never started
# The wrapper leaves its pid before, and the exit code after the pilot. The pid comes from the process
# that becomes the pilot: whoever can read it can signal both.
_WRAPPER = (
    'trap "" HUP; trap "kill -TERM \\$child 2>/dev/null" TERM; sh -c "$0" pilot-job "$@"'
    " >pilot.out 2>pilot.err </dev/null & child=$!; wait $child; code=$?;"
    ' while kill -0 $child 2>/dev/null; do wait $child; code=$?; done;'
    " echo $code >exit.part; mv exit.part exit"
)
_PILOT = 'echo $PPID >pid.part; mv pid.part pid; exec "$@"'


class LocalBackend(Backend):
    """A backend that needs no batch system."""

    name = "local"
    index_variable = "LOCAL_JOB_NUMBER"

    def __init__(self, environ: Dict[str, str], folder: str) -> None:
        super().__init__(environ, os.path.join(folder, "local"))
        self._children: List[int] = []  # jobs that this process started, and has not collected

    def pilot_words(self, cores: int) -> List[str]:
        return ["--slots", str(cores)]  # a process sees all cores of the machine

    def check(self, submission: Submission) -> str:
        cores = os.cpu_count() or 1
        if submission.cores > cores:
            raise SubmissionRefused("this machine has %d cores, not %d" % (cores, submission.cores))
        return "processes of this machine, which has %d cores" % cores

    def submit(self, submission: Submission) -> str:
        try:
            os.makedirs(self._folder, 0o700, exist_ok=True)
            for number in range(submission.pilots):
                self._start_job(submission, number)
        except OSError as error:
            raise SubmissionRefused("a job cannot be started: %s" % error.strerror)
        return submission.tag

    def _start_job(self, submission: Submission, number: int) -> None:
        folder = os.path.join(submission.folder, "job-%d" % number)
        os.makedirs(folder, 0o700)
        record = {"tag": submission.tag, "number": number, "folder": folder}
        path = os.path.join(self._folder, pilot_id(submission.tag, number) + ".json")
        write_file(path, json.dumps(record).encode())
        environ = dict(self._environ, **dict(submission.environment))
        environ[self.index_variable] = str(number)
        script = os.path.join(submission.folder, submission.script)
        child = process.spawn(
            ["/bin/sh", "-c", _WRAPPER, _PILOT, sys.executable, script],
            cwd=folder, env=environ, stdout=process.DEVNULL, stderr=process.DEVNULL,
        )
        child.returncode = 0  # `_collect_children` waits for it
        self._children.append(child.pid)

    def list_jobs(self) -> JobList:
        self._collect_children()
        try:
            names = os.listdir(self._folder)
        except FileNotFoundError:
            return JobList([])
        except OSError as error:
            raise NoAnswer("%s cannot be read: %s" % (self._folder, error.strerror))
        jobs = [self._look_at(name) for name in sorted(names) if name.endswith(".json")]
        return JobList([job for job in jobs if job is not None])

    def _collect_children(self) -> None:
        """Collect the jobs that this process started and that have ended."""
        self._children = [pid for pid in self._children if os.waitpid(pid, os.WNOHANG)[0] == 0]

    def _look_at(self, name: str) -> Optional[Job]:
        path = os.path.join(self._folder, name)
        try:
            with open(path, encoding="utf-8") as stream:
                record: Dict[str, Any] = json.load(stream)
            age_s = time.time() - os.stat(path).st_mtime
        except (OSError, ValueError):
            return None
        folder, job_id = str(record["folder"]), name[: -len(".json")]
        state, code = _state_of(folder, age_s)
        if state not in (JobState.PENDING, JobState.RUNNING):
            _forget_later(path, folder)
        return Job(job_id, record["tag"], record["number"], state, os.uname().nodename, "", code)

    def cancel(self, ids: Sequence[str]) -> None:
        for one in ids:
            try:
                with open(os.path.join(self._folder, one + ".json"), encoding="utf-8") as stream:
                    folder = str(json.load(stream)["folder"])
            except (OSError, ValueError, KeyError):
                continue
            pid = _read_pid(folder)
            if pid is not None:
                process_tree.send_group(pid, signal.SIGTERM)

    def output_files(self, folder: str, index: int) -> List[str]:
        return existing(os.path.join(folder, "job-%d" % index), ("pilot.err", "pilot.out"))


def _state_of(folder: str, age_s: float) -> "tuple[JobState, Optional[int]]":
    # in this order: a job that starts or ends meanwhile has not failed
    started = os.path.exists(os.path.join(folder, "pid"))
    runs = _read_pid(folder) is not None
    try:
        with open(os.path.join(folder, "exit")) as stream:
            code = int(stream.read())
        code = code - 256 if code > 255 else code
        return (JobState.OK if code == 0 else JobState.FAILED), code
    except (OSError, ValueError):
        pass
    if runs:
        return JobState.RUNNING, None
    if started or age_s > START_S:
        return JobState.FAILED, None
    return JobState.PENDING, None


def _read_pid(folder: str) -> Optional[int]:
    """The pid of a job's wrapper, if that runs: a process that stands in the job's folder."""
    try:
        with open(os.path.join(folder, "pid")) as stream:
            pid = int(stream.read())
        return pid if os.path.samefile("/proc/%d/cwd" % pid, folder) else None
    except (OSError, ValueError):
        return None


def _forget_later(path: str, folder: str) -> None:
    """Remove the record of a job that ended a while ago."""
    try:
        ended = os.stat(folder).st_mtime
        if time.time() - ended > REMEMBER_S:
            os.unlink(path)
    except OSError:
        pass
