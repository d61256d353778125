"""What the factory needs of a batch system."""

import os
from typing import Dict, List, NamedTuple, Optional, Sequence, Tuple

from pilot.ops.factory.jobs import JobList


TOKEN = "token"  # the file with the start token of a submission, in its folder


class Submission(NamedTuple):
    """A submission of `pilots` equal jobs: job number N runs the pilot `TAG-N`. `folder` is a new
    folder that holds the script and takes the outputs; None: the batch system's default."""

    tag: str
    pilots: int
    folder: str
    script: str  # the name of the file to submit, in the folder
    cores: int = 1
    memory_mb: Optional[int] = None
    gpus: int = 0
    walltime_s: Optional[float] = None
    queue: str = ""
    options: Tuple[str, ...] = ()
    environment: Tuple[Tuple[str, str], ...] = ()
    avoid: Tuple[str, ...] = ()  # nodes that must not be used


class Backend:
    """A batch system whose commands this process can call. One object serves all its sites."""

    name = ""
    index_variable = ""  # the environment variable that holds a job's number in its submission
    first_number = 0  # of the first job of a submission

    def __init__(self, environ: Dict[str, str], folder: str) -> None:
        self._environ, self._folder = environ, folder

    def pilot_words(self, cores: int) -> List[str]:
        """Words for the pilot that this system needs: nothing where a job sees its own limits."""
        return []

    def workdir(self, folder: str, index: str) -> str:
        """The working directory of a pilot; `index` stands for the number of its job."""
        return os.path.join(folder, "job-" + index)

    def token_file(self, folder: str) -> str:
        """Where a pilot finds its start token."""
        return os.path.join(folder, TOKEN)

    def check(self, submission: Submission) -> str:
        """Ask the batch system whether it would take this submission, without making it; return
        its words. Raises SubmissionRefused with its sentence, NoAnswer."""
        raise NotImplementedError

    def submit(self, submission: Submission) -> str:
        """Submit, and return the batch system's id of the submission. Raises SubmissionRefused and TooMany if
        nothing was submitted, MayHaveHappened if that is not known."""
        raise NotImplementedError

    def job_ids(self, system_id: str, count: int) -> List[str]:
        """The ids of the jobs of a submission, in the order of their numbers; Slurm's form is
        ID_NUMBER."""
        return ["%s-%d" % (system_id, number) for number in range(count)]

    def list_jobs(self) -> JobList:
        """All our jobs, by a number of commands that does not depend on their number. Raises
        NoAnswer."""
        raise NotImplementedError

    def cancel(self, ids: Sequence[str]) -> None:
        """End these jobs; those that have ended already do not matter. Raises NoAnswer."""
        raise NotImplementedError

    def output_files(self, folder: str, index: int) -> List[str]:
        """The files that may hold what job number `index` of this folder wrote, as paths."""
        raise NotImplementedError
