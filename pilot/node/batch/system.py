"""What one batch system tells of its job: the base of the files beside this one."""

from typing import Dict, Optional, Tuple

Environ = Dict[str, str]


class System:
    """A batch system. A subclass overrides what its system tells; None (or "") stands for what it
    does not."""

    name = ""  # as facts, references and reports have it
    job_id_variables: Tuple[str, ...] = ()
    queue_variables: Tuple[str, ...] = ()
    # the program that tells the time left; {ID} stands for the job's id
    query: Tuple[str, ...] = ()
    walltime_variable = ""  # with the whole job's seconds, for where nothing else tells
    # whether the signal before the end reaches payloads too (qsub -notify, bkill -s)
    warns_every_process = False

    def is_at_work(self, environ: Environ) -> bool:
        """Whether a job runs here, as its marks are there."""
        return True

    def read_values(self, environ: Environ) -> Environ:
        """The environment, and what files that it names hold."""
        return environ

    def job_id(self, values: Environ) -> str:
        """The id that the system's own program takes."""
        return _first(values, self.job_id_variables)

    def full_job_id(self, values: Environ) -> str:
        """The id by which this job is told from all others."""
        return self.job_id(values)

    def queue(self, values: Environ) -> str:
        """The queue or partition."""
        return _first(values, self.queue_variables)

    def cores(self, values: Environ) -> Optional[int]:
        """Cores of the job on this host."""

    def memory_mb(self, values: Environ) -> Optional[int]:
        """MiB of memory of the job on this host."""

    def gpus(self, values: Environ) -> Optional[int]:
        """GPUs of the job on this host."""

    def time_left_s(self, values: Environ, now: float) -> Optional[float]:
        """Seconds until the end; `now` is the time of day."""

    def parse_answer(self, text: str, now: float, values: Environ) -> Optional[float]:
        """Seconds until the end, from what the program of `query` printed."""


def _first(values: Environ, names: Tuple[str, ...]) -> str:
    return next((values[name] for name in names if values.get(name)), "")
