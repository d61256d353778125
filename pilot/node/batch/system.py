"""The base class of the batch systems: what a system reports about its job."""

from typing import Dict, Optional, Tuple

Environ = Dict[str, str]


class System:
    """A batch system. Subclasses override what their system reports; None or an empty string means
    that it does not report the value."""

    name = ""  # the name in facts, references and reports
    job_id_variables: Tuple[str, ...] = ()
    queue_variables: Tuple[str, ...] = ()
    # the program that prints the time left; {ID} stands for the job id
    query: Tuple[str, ...] = ()
    walltime_variable = ""  # the limit of the complete job in seconds: the last source to use
    # whether the warning signal before the end reaches payloads, too (qsub -notify, bkill -s)
    warns_every_process = False

    def is_at_work(self, environ: Environ) -> bool:
        """Whether a job runs here; called if one of the system's variables is set."""
        return True

    def read_values(self, environ: Environ) -> Environ:
        """The environment, and the contents of files that it names."""
        return environ

    def job_id(self, values: Environ) -> str:
        """The job id that the programs of the batch system accept."""
        return _first(values, self.job_id_variables)

    def full_job_id(self, values: Environ) -> str:
        """The id that distinguishes this job from all others."""
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
        """Seconds until the end of the job; `now` is the time of day."""

    def parse_answer(self, text: str, now: float, values: Environ) -> Optional[float]:
        """Seconds until the end of the job, from the output of the program `query`."""


def _first(values: Environ, names: Tuple[str, ...]) -> str:
    return next((values[name] for name in names if values.get(name)), "")
