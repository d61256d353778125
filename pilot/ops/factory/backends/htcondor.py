"""HTCondor: one cluster per submission, whose jobs bear the attribute PilotTag. Script and token are
transferred to the node, outputs come back into the folder of the job."""

import json
import os
import time
from typing import Any, Dict, List, Optional, Sequence

from pilot.base.files import write_file
from pilot.ops.factory.backends.backend import TOKEN, Backend, Submission
from pilot.ops.factory.backends.commands import (
    ask_command, bare_environment, existing, refuse_failed, run_submit,
)
from pilot.ops.factory.jobs import (
    TAG, Job, JobList, JobState, MayHaveHappened, NoAnswer, SubmissionRefused,
)

HISTORY_S = 3600.0
ATTRIBUTES = (
    "ClusterId", "ProcId", "PilotTag", "JobStatus", "RemoteHost", "LastRemoteHost", "HoldReason",
    "ExitCode", "ExitBySignal", "ExitSignal", "EnteredCurrentStatus",
)
# JobStatus of a live job, HTCondor manual, "Job ClassAd Attributes"
LIVE_STATES = {
    1: JobState.PENDING,
    2: JobState.RUNNING,
    3: JobState.COMPLETING,
    4: JobState.COMPLETING,
    5: JobState.HELD,
    6: JobState.COMPLETING,
    7: JobState.SUSPENDED,
}
_TOO_MANY = ("MAX_JOBS_PER_OWNER", "MAX_JOBS_PER_SUBMISSION", "MAX_JOBS_SUBMITTED")
_UNHEARD = ("Failed to commit job submission", "timed out", "SCHEDD:6001")


class HTCondorBackend(Backend):
    """The schedd that condor_submit of this machine talks to."""

    name = "htcondor"
    index_variable = "CONDOR_JOB_NUMBER"

    def __init__(self, environ: Dict[str, str], folder: str) -> None:
        super().__init__(bare_environment(environ), folder)

    def workdir(self, folder: str, index: str) -> str:
        return "."  # a folder of the job's own on the node

    def token_file(self, folder: str) -> str:
        return TOKEN

    def check(self, submission: Submission) -> str:
        self._write_description(submission)
        words = ["condor_submit", "-dry-run", os.devnull, "pilot.sub"]
        done = run_submit(words, self._environ, submission.folder)
        if done.exit_code:
            raise SubmissionRefused(done.last_lines() or done.describe_end())
        ask_command(["condor_q", "-totals"], self._environ)  # the schedd answers
        return done.last_lines()

    def submit(self, submission: Submission) -> str:
        self._write_description(submission)
        words = ["condor_submit", "-terse", "pilot.sub"]
        done = run_submit(words, self._environ, submission.folder)
        refuse_failed(done, _TOO_MANY, _UNHEARD)
        cluster = done.stdout.strip().split("\n")[-1].partition(".")[0]
        if not cluster.isdecimal():
            raise MayHaveHappened("condor_submit said %r" % done.stdout[-200:])
        return cluster

    def _write_description(self, submission: Submission) -> None:
        for number in range(submission.pilots):
            os.makedirs(os.path.join(submission.folder, "job-%d" % number), 0o700, exist_ok=True)
        token = os.path.join(submission.folder, TOKEN)
        text = "\n".join(submit_lines(submission, [token] if os.path.exists(token) else [])) + "\n"
        write_file(os.path.join(submission.folder, "pilot.sub"), text.encode(), 0o600)

    def job_ids(self, system_id: str, count: int) -> List[str]:
        return ["%s.%d" % (system_id, number) for number in range(count)]

    def list_jobs(self) -> JobList:
        chosen = ["-json", "-attributes", ",".join(ATTRIBUTES), "-constraint"]
        live = parse_ads(
            ask_command(["condor_q"] + chosen + ["PilotTag isnt undefined"], self._environ), False
        )
        since = "PilotTag isnt undefined && EnteredCurrentStatus > %d" % (time.time() - HISTORY_S)
        ended = parse_ads(
            ask_command(
                ["condor_history"] + chosen + [since, "-completedsince",
                                               "%d" % (time.time() - HISTORY_S)],
                self._environ,
            ),
            True,
        )
        jobs = {(job.tag, job.number): job for job in ended}
        jobs.update({(job.tag, job.number): job for job in live})
        return JobList(list(jobs.values()))

    def cancel(self, ids: Sequence[str]) -> None:
        for at in range(0, len(ids), 500):
            try:
                ask_command(["condor_rm"] + list(ids[at:at + 500]), self._environ)
            except NoAnswer as error:
                if "not found" not in str(error):
                    raise

    def output_files(self, folder: str, index: int) -> List[str]:
        names = ("pilot.err", "pilot.out", "pilot.log")
        return existing(os.path.join(folder, "job-%d" % index), names)


def submit_lines(submission: Submission, inputs: Sequence[str]) -> List[str]:
    """The submit description."""
    environment = ["CONDOR_JOB_NUMBER=$(ProcId)"] + [
        "%s='%s'" % (name, value.replace("'", "''").replace('"', '""'))
        for name, value in submission.environment
    ]
    lines = [
        "universe = vanilla",
        "executable = " + os.path.join(submission.folder, submission.script),
        'environment = "%s"' % " ".join(environment),
        "initialdir = " + os.path.join(submission.folder, "job-$(ProcId)"),
        "output = pilot.out",
        "error = pilot.err",
        "log = " + os.path.join(submission.folder, "pilot.jobs"),
        "should_transfer_files = YES",
        "when_to_transfer_output = ON_EXIT_OR_EVICT",
        "transfer_executable = true",
        'batch_name = "%s"' % submission.tag,
        '+PilotTag = "%s"' % submission.tag,
        "kill_sig = SIGTERM",
        "job_max_vacate_time = 30",
        "request_cpus = %d" % submission.cores,
    ]
    if inputs:
        lines.append("transfer_input_files = " + ", ".join(inputs))
    if submission.memory_mb is not None:
        lines.append("request_memory = %dM" % submission.memory_mb)
    if submission.gpus:
        lines.append("request_gpus = %d" % submission.gpus)
    if submission.walltime_s is not None:
        lines.append("allowed_execute_duration = %d" % submission.walltime_s)
    if submission.avoid:
        wrong = " && ".join('Machine != "%s"' % node for node in submission.avoid)
        lines.append("requirements = " + wrong)
    return lines + list(submission.options) + ["queue %d" % submission.pilots]


def parse_ads(text: str, ended: bool) -> List[Job]:
    """The jobs of `condor_q -json` or `condor_history -json`, which print nothing when there is
    none. NoAnswer when it has another form."""
    if not text.strip():
        return []
    try:
        ads = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise NoAnswer("HTCondor's answer is not JSON: %s" % error)
    if not isinstance(ads, list) or not all(isinstance(ad, dict) for ad in ads):
        raise NoAnswer("HTCondor's answer is no list of jobs")
    return [_job(ad, ended) for ad in ads if TAG.match(str(ad.get("PilotTag")))]


def _job(ad: Dict[str, Any], ended: bool) -> Job:
    cluster, number, status = ad.get("ClusterId"), ad.get("ProcId"), ad.get("JobStatus")
    if not (isinstance(cluster, int) and isinstance(number, int) and isinstance(status, int)):
        raise NoAnswer("HTCondor's answer has a job without a number or status")
    if not ended and status not in LIVE_STATES:
        raise NoAnswer("HTCondor has a job status that we do not know: %d" % status)
    code = _exit_code(ad)
    state = _end_state(status, code) if ended else LIVE_STATES[status]
    host = str(ad.get("RemoteHost") or ad.get("LastRemoteHost") or "").rpartition("@")[2]
    return Job(
        "%d.%d" % (cluster, number), str(ad["PilotTag"]), number, state, host,
        str(ad.get("HoldReason") or ""), code if ended else None,
    )


def _exit_code(ad: Dict[str, Any]) -> Optional[int]:
    value = ad.get("ExitSignal") if ad.get("ExitBySignal") is True else ad.get("ExitCode")
    if not isinstance(value, int):
        return None
    return -value if ad.get("ExitBySignal") is True else value


def _end_state(status: int, code: Optional[int]) -> JobState:
    if status == 3:
        return JobState.CANCELLED
    return JobState.OK if code == 0 else JobState.FAILED
