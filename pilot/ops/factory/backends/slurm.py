"""Slurm: one array job per submission. `squeue` lists live jobs and those that ended within
MinJobAge; `sacct`, where there is accounting, says how they ended."""

import os
import re
import time
from typing import Dict, List, Optional, Sequence, Tuple

from pilot.ops.factory.backends.backend import Backend, Submission
from pilot.ops.factory.backends.commands import (
    ask_command, bare_environment, existing, refuse_failed, run_submit,
)
from pilot.ops.factory.jobs import (
    TAG, JobList, Job, JobState, MayHaveHappened, NoAnswer, SubmissionRefused,
)
from pilot.ops.ship.order import format_clock

HISTORY_S = 3600.0
# squeue(1), --Format: a field with a suffix is not cut; a name may have bars of its own
FIELDS = ("ArrayJobID", "ArrayTaskID", "State", "NodeList", "exit_code", "Reason", "Name")
FORMAT = ",".join(field + ":|" for field in FIELDS)
# squeue(1), JOB STATE CODES; what is not here is unknown and fails the answer
STATES: Dict[str, JobState] = {
    "PENDING": JobState.PENDING,
    "CONFIGURING": JobState.CONFIGURING,
    "RUNNING": JobState.RUNNING,
    "STAGE_OUT": JobState.COMPLETING,
    "SIGNALING": JobState.RUNNING,
    "RESIZING": JobState.RUNNING,
    "SUSPENDED": JobState.SUSPENDED,
    "STOPPED": JobState.SUSPENDED,
    "COMPLETING": JobState.COMPLETING,
    "REQUEUED": JobState.REQUEUED,
    "REQUEUE_FED": JobState.REQUEUED,
    "REQUEUE_HOLD": JobState.HELD,
    "RESV_DEL_HOLD": JobState.HELD,
    "SPECIAL_EXIT": JobState.HELD,
    "COMPLETED": JobState.OK,
    "FAILED": JobState.FAILED,
    "BOOT_FAIL": JobState.NODE_LOST,
    "LAUNCH_FAILED": JobState.NODE_LOST,
    "RECONFIG_FAIL": JobState.NODE_LOST,
    "CANCELLED": JobState.CANCELLED,
    "DEADLINE": JobState.TIMEOUT,
    "TIMEOUT": JobState.TIMEOUT,
    "NODE_FAIL": JobState.NODE_LOST,
    "OUT_OF_MEMORY": JobState.OUT_OF_MEMORY,
    "PREEMPTED": JobState.PREEMPTED,
    "REVOKED": JobState.GONE,
}
HELD_REASONS = ("JobHeldUser", "JobHeldAdmin", "JobHoldMaxRequeue")
# sbatch's words for limits on the number of our jobs (src/common/slurm_errno.c)
_TOO_MANY = (
    "Job violates accounting/QOS policy (job submit limit",
    "QOSMaxSubmitJobPerUserLimit",
    "AssocMaxSubmitJobLimit",
    "Slurm temporarily unable to accept job",
)
# a controller that does not answer may have taken the job
_UNHEARD = ("Socket timed out", "Unable to contact")


class SlurmBackend(Backend):
    """The cluster that sbatch and squeue of this machine talk to."""

    name = "slurm"
    index_variable = "SLURM_ARRAY_TASK_ID"

    def __init__(self, environ: Dict[str, str], folder: str) -> None:
        super().__init__(bare_environment(environ), folder)
        self._has_history = True

    def check(self, submission: Submission) -> str:
        done = run_submit(
            submit_words(submission, "--test-only"), self._environ, submission.folder
        )
        if done.exit_code:
            raise SubmissionRefused(done.last_lines() or done.describe_end())
        too_long = self._find_time_limit(submission)
        if too_long:
            raise SubmissionRefused(too_long)
        return done.last_lines()

    def _find_time_limit(self, submission: Submission) -> str:
        """Slurm accepts a time that is longer than the partition's limit; such a job waits for
        ever."""
        words = ["sinfo", "-h", "-o", "%P|%l"] + (
            ["-p", submission.queue] if submission.queue else []
        )
        limits = [line.split("|") for line in ask_command(words, self._environ).splitlines()]
        longest = [
            parse_clock(limit) for name, limit in limits if submission.queue or name.endswith("*")
        ]
        known = [limit for limit in longest if limit is not None]
        wanted = submission.walltime_s
        if wanted is None or not known or len(known) < len(longest) or wanted <= max(known):
            return ""
        return "the time %s is longer than the partition's limit of %s: the job would wait for ever" % (
            format_clock(wanted), format_clock(max(known)),
        )

    def submit(self, submission: Submission) -> str:
        done = run_submit(submit_words(submission), self._environ, submission.folder)
        refuse_failed(done, _TOO_MANY, _UNHEARD)
        number = done.stdout.strip().split("\n")[-1].split(";")[0]
        if not number.isdecimal():
            raise MayHaveHappened("sbatch said %r" % done.stdout[-200:])
        return number

    def job_ids(self, system_id: str, count: int) -> List[str]:
        return ["%s_%d" % (system_id, number) for number in range(count)]

    def list_jobs(self) -> JobList:
        user = str(os.geteuid())
        text = ask_command(
            ["squeue", "-h", "-r", "-u", user, "-t", "all", "-O", FORMAT],
            self._environ,
        )
        jobs = {(job.tag, job.number): job for job in parse_squeue(text)}
        for job in self._list_ended(user):
            known = jobs.get((job.tag, job.number))
            # sacct lags behind squeue: only ends count
            if known is None or known.state == job.state:
                jobs[(job.tag, job.number)] = job
        return JobList(list(jobs.values()))

    def _list_ended(self, user: str) -> List[Job]:
        if not self._has_history:
            return []
        since = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(time.time() - HISTORY_S))
        words = ["sacct", "-n", "-X", "-P", "-u", user, "-S", since]
        words += ["-o", "JobID,JobName,State,ExitCode,NodeList"]
        try:
            return parse_sacct(ask_command(words, self._environ))
        except NoAnswer as error:
            # a cluster without accounting says so; anything else may be different next time
            self._has_history = "accounting storage is disabled" not in str(error)
            return []

    def cancel(self, ids: Sequence[str]) -> None:
        for at in range(0, len(ids), 500):
            ask_command(["scancel", "-Q"] + list(ids[at:at + 500]), self._environ)

    def output_files(self, folder: str, index: int) -> List[str]:
        return existing(folder, ("job-%d.out" % index,))


def submit_words(submission: Submission, *more: str) -> List[str]:
    """The command line of sbatch."""
    words = [
        "sbatch", "--parsable", "--job-name=" + submission.tag, "--open-mode=append",
        "--output=" + os.path.join(submission.folder, "job-%a.out"),
        "--array=0-%d" % (submission.pilots - 1), "--nodes=1", "--ntasks=1",
        "--cpus-per-task=%d" % submission.cores,
    ]
    if submission.memory_mb is not None:
        words.append("--mem=%dM" % submission.memory_mb)
    if submission.gpus:
        words.append("--gpus=%d" % submission.gpus)
    if submission.walltime_s is not None:
        words += ["--time=" + format_clock(submission.walltime_s), "--signal=B:USR1@120"]
    if submission.queue:
        words.append("--partition=" + submission.queue)
    if submission.avoid:
        words.append("--exclude=" + ",".join(submission.avoid))
    if submission.environment:
        words.append(
            "--export=ALL," + ",".join("%s=%s" % pair for pair in submission.environment)
        )
    return words + list(submission.options) + list(more) + [submission.script]


def parse_squeue(text: str) -> List[Job]:
    """The jobs of `squeue -O FORMAT`. NoAnswer when it has another form."""
    jobs = []
    for line in text.splitlines():
        fields = line.split("|", len(FIELDS) - 1)
        if len(fields) != len(FIELDS) or not line.endswith("|"):
            raise NoAnswer("squeue printed %r" % line[:200])
        array, index, state, node, status, reason, name = fields
        name = name[:-1]
        if not TAG.match(name) or not index.isdecimal():
            continue
        found = _state(state, reason)
        code = _code_of_status(status) if found in (JobState.OK, JobState.FAILED) else None
        jobs.append(Job("%s_%s" % (array, index), name, int(index), found, node, reason, code))
    return jobs


def _code_of_status(text: str) -> Optional[int]:
    """The exit code in a status of wait(2); a negative signal number."""
    if not text.isdecimal():
        return None
    status = int(text)
    return -(status & 0x7F) if status & 0x7F else status >> 8


def parse_sacct(text: str) -> List[Job]:
    """The ended jobs of `sacct -P -o JobID,JobName,State,ExitCode,NodeList`."""
    jobs = []
    for line in text.splitlines():
        fields = line.split("|")
        if len(fields) != 5:
            raise NoAnswer("sacct printed %r" % line[:200])
        number, name, state, code, node = fields
        index = number.partition("_")[2]
        # "CANCELLED by 1000"
        if not TAG.match(name) or not index.isdecimal() or STATES.get(state.split(" ")[0]) is None:
            continue
        found = _state(state.split(" ")[0], "")
        jobs.append(Job(number, name, int(index), found, node, "", _exit_code(code)))
    return jobs


def _state(word: str, reason: str) -> JobState:
    if word not in STATES:
        raise NoAnswer("Slurm has a state that we do not know: %r" % word)
    if word == "PENDING" and reason in HELD_REASONS:
        return JobState.HELD
    return STATES[word]


def _exit_code(text: str) -> Optional[int]:
    code, _, signum = text.partition(":")
    if not code.isdecimal():
        return None
    return -int(signum) if signum.isdecimal() and int(signum) else int(code)


def parse_clock(text: str) -> Optional[float]:
    """Seconds of Slurm's D-HH:MM:SS; None for "infinite" and for what is no time."""
    match: Optional[Tuple[str, ...]] = None
    found = re.match(r"(?:(\d+)-)?(?:(\d+):)?(\d+):(\d+)\Z", text)
    if found:
        match = tuple(part or "0" for part in found.groups())
    if match is None:
        return None
    days, hours, minutes, seconds = (int(part) for part in match)
    return float(((days * 24 + hours) * 60 + minutes) * 60 + seconds)
