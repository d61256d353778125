"""Grid Engine: one array job per submission, whose tasks count from 1. `qstat -xml` lists live tasks,
`qacct` says how the others ended."""

import os
import re
import xml.etree.ElementTree as xml
from typing import Dict, Iterator, List, Optional, Sequence

from pilot.ops.factory.backends.backend import Backend, Submission
from pilot.ops.factory.backends.commands import (
    ask_command, bare_environment, existing, refuse_failed, run_submit,
)
from pilot.ops.factory.jobs import (
    TAG, Job, JobList, JobState, MayHaveHappened, NoAnswer, SubmissionRefused,
)

HISTORY_DAYS = 1
_TOO_MANY = ("jobs are allowed per user", "job rejected: Only")
_UNHEARD = ("unable to contact qmaster", "unable to send message", "timeout", "can't connect")
_RANGE = re.compile(r"(\d+)(?:-(\d+):(\d+))?\Z")


class GridEngineBackend(Backend):
    """The cell that qsub and qstat of this machine talk to."""

    name = "gridengine"
    index_variable = "SGE_TASK_ID"
    first_number = 1

    def __init__(self, environ: Dict[str, str], folder: str) -> None:
        super().__init__(bare_environment(environ), folder)

    def check(self, submission: Submission) -> str:
        done = run_submit(submit_words(submission, "-w", "v"), self._environ, submission.folder)
        words = done.last_lines()
        # -w v checks and submits nothing; it ends with 0 when a queue suits the job
        if done.exit_code:
            raise SubmissionRefused(words or done.describe_end())
        return words

    def submit(self, submission: Submission) -> str:
        done = run_submit(submit_words(submission), self._environ, submission.folder)
        refuse_failed(done, _TOO_MANY, _UNHEARD)
        number = done.stdout.strip().split("\n")[-1].partition(".")[0]
        if not number.isdecimal():
            raise MayHaveHappened("qsub said %r" % done.stdout[-200:])
        return number

    def job_ids(self, system_id: str, count: int) -> List[str]:
        return ["%s.%d" % (system_id, number) for number in range(1, count + 1)]

    def list_jobs(self) -> JobList:
        user = self._environ.get("USER") or _user_name()
        live = parse_qstat(ask_command(["qstat", "-xml", "-u", user], self._environ))
        jobs = {(job.tag, job.number): job for job in self._list_ended(user)}
        jobs.update({(job.tag, job.number): job for job in live})
        return JobList(list(jobs.values()))

    def _list_ended(self, user: str) -> List[Job]:
        words = ["qacct", "-o", user, "-d", str(HISTORY_DAYS), "-j"]
        try:
            return parse_qacct(ask_command(words, self._environ))
        except NoAnswer:  # nothing has ended yet, or there is no accounting file
            return []

    def cancel(self, ids: Sequence[str]) -> None:
        for at in range(0, len(ids), 500):
            try:
                ask_command(["qdel"] + list(ids[at:at + 500]), self._environ)
            except NoAnswer as error:
                if "does not exist" not in str(error):
                    raise

    def output_files(self, folder: str, index: int) -> List[str]:
        return existing(folder, ("job-%d.out" % index,))


def _user_name() -> str:
    import pwd

    return pwd.getpwuid(os.geteuid()).pw_name


def submit_words(submission: Submission, *more: str) -> List[str]:
    """The command line of qsub."""
    words = [
        "qsub", "-terse", "-N", submission.tag, "-S", "/usr/bin/python3", "-cwd", "-notify",
        "-j", "y", "-o", os.path.join(submission.folder, "job-$TASK_ID.out"),
        "-t", "1-%d" % submission.pilots,
    ]
    if submission.cores > 1:
        words += ["-pe", "smp", str(submission.cores)]
    if submission.memory_mb is not None:
        # Grid Engine counts the memory per slot
        words += ["-l", "h_vmem=%dM" % -(-submission.memory_mb // submission.cores)]
    if submission.gpus:
        words += ["-l", "gpu=%d" % submission.gpus]
    if submission.walltime_s is not None:
        words += ["-l", "h_rt=%d" % submission.walltime_s]
    if submission.queue:
        words += ["-q", submission.queue]
    if submission.avoid:
        words += ["-l", "h=" + "&".join("!" + node for node in submission.avoid)]
    for name, value in submission.environment:
        words += ["-v", "%s=%s" % (name, value)]
    return words + list(submission.options) + list(more) + [submission.script]


def parse_qstat(text: str) -> List[Job]:
    """The live tasks of `qstat -xml`. NoAnswer when it has another form."""
    try:
        root = xml.fromstring(text)
    except xml.ParseError as error:
        raise NoAnswer("qstat -xml: %s" % error)
    if root.tag != "job_info":
        raise NoAnswer("qstat -xml printed <%s>" % root.tag)
    jobs: List[Job] = []
    for one in root.iter("job_list"):
        fields = {child.tag: (child.text or "").strip() for child in one}
        tag, number = fields.get("JB_name", ""), fields.get("JB_job_number", "")
        if not TAG.match(tag):
            continue
        state = _state(fields.get("state", ""))
        node = fields.get("queue_name", "").partition("@")[2]
        for task in _tasks(fields.get("tasks", "1")):
            jobs.append(Job("%s.%d" % (number, task), tag, task, state, node, fields["state"]))
    return jobs


def _tasks(text: str) -> Iterator[int]:
    """The numbers of "1-3:1,7"."""
    for part in text.split(","):
        match = _RANGE.match(part.strip())
        if match is None:
            raise NoAnswer("qstat -xml has the tasks %r" % text[:100])
        first, last, step = match.groups()
        yield from range(int(first), int(last or first) + 1, max(1, int(step or 1)))


def _state(letters: str) -> JobState:
    """The state of a task: the letters of qstat(1)."""
    if not letters or set(letters) - set("dEhrRsStTwqNPzxu"):
        raise NoAnswer("Grid Engine has a state that we do not know: %r" % letters)
    if "E" in letters or "h" in letters:
        return JobState.HELD
    if "d" in letters:
        return JobState.COMPLETING
    if set(letters) & set("sSTNP"):
        return JobState.SUSPENDED
    if "q" in letters or "w" in letters:
        return JobState.REQUEUED if "R" in letters else JobState.PENDING
    return JobState.CONFIGURING if letters == "t" else JobState.RUNNING


def parse_qacct(text: str) -> List[Job]:
    """The ended tasks of `qacct -j`: blocks of lines "name value", with lines of = between."""
    jobs: List[Job] = []
    for block in re.split(r"(?m)^=+$", text):
        fields = dict(line.split(None, 1) for line in block.splitlines() if len(line.split(None, 1)) == 2)
        tag, task = fields.get("jobname", "").strip(), fields.get("taskid", "").strip()
        if not TAG.match(tag) or not task.isdecimal():
            continue
        failed, code = fields.get("failed", "0").split()[0], _number(fields.get("exit_status", ""))
        number = fields.get("jobnumber", "").strip()
        jobs.append(Job(
            "%s.%s" % (number, task), tag, int(task), _end_state(failed, code),
            fields.get("hostname", "").strip(), fields.get("failed", "").strip(), code,
        ))
    return jobs


def _number(text: str) -> Optional[int]:
    words = text.split()
    if not words or not words[0].isdecimal():
        return None
    code = int(words[0])
    return 128 - code if code > 128 else code  # ended by a signal: -n


def _end_state(failed: str, code: Optional[int]) -> JobState:
    """How a task ended, by the number in the line "failed" (accounting(5)) and its exit code."""
    if failed == "37":
        return JobState.TIMEOUT
    if failed == "100":  # ended by a signal, as by qdel
        return JobState.CANCELLED
    if failed not in ("0", "100"):
        return JobState.NODE_LOST
    return JobState.OK if code == 0 else JobState.FAILED
