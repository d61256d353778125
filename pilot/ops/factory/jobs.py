"""What a batch system says of our jobs, in the words that all backends share."""

import enum
import re
from typing import Dict, List, NamedTuple, Optional


class JobState(str, enum.Enum):
    """The states of a job. The first seven are live; the others are ends."""

    PENDING = "pending"
    HELD = "held"
    CONFIGURING = "configuring"
    RUNNING = "running"
    SUSPENDED = "suspended"
    COMPLETING = "completing"
    REQUEUED = "requeued"
    OK = "ok"
    FAILED = "failed"
    TIMEOUT = "time-out"
    PREEMPTED = "preempted"
    OUT_OF_MEMORY = "out of memory"
    NODE_LOST = "node lost"
    CANCELLED = "cancelled"
    GONE = "gone"  # it ended, and nobody knows how


LIVE = (
    JobState.PENDING,
    JobState.HELD,
    JobState.CONFIGURING,
    JobState.RUNNING,
    JobState.SUSPENDED,
    JobState.COMPLETING,
    JobState.REQUEUED,
)
WAITING = (JobState.PENDING, JobState.CONFIGURING, JobState.REQUEUED)
STUCK = (JobState.HELD, JobState.SUSPENDED)
RUNNING = (JobState.RUNNING, JobState.COMPLETING)


TAG = re.compile(r"p[a-z0-9]{11}\Z")  # the name of a submission, which its jobs bear


class Job(NamedTuple):
    """One job as the batch system shows it: its id, the tag of its submission, its number within
    it, and what else the system tells."""

    id: str
    tag: str
    number: int
    state: JobState
    node: str = ""
    reason: str = ""
    exit_code: Optional[int] = None  # of an ended one; -n: signal n


class NoAnswer(Exception):
    """The batch system did not answer a question, or nobody can read its answer."""


class SubmissionRefused(Exception):
    """The batch system refuses a submission: its own sentence. Nothing was submitted."""


class TooMany(SubmissionRefused):
    """It refuses because we have as many jobs as it allows."""


class MayHaveHappened(Exception):
    """A submission failed in a way that does not say whether jobs were made."""


class JobList(NamedTuple):
    """All jobs with tags of ours that the batch system shows, live and recently ended."""

    jobs: List[Job]

    def by_pilot(self) -> Dict[str, Job]:
        """The jobs by the ids of their pilots."""
        return {pilot_id(job.tag, job.number): job for job in self.jobs}


def pilot_id(tag: str, index: int) -> str:
    """The id of a pilot: the tag of its submission and its number within it."""
    return "%s-%d" % (tag, index)
