"""The Flux batch system."""

from typing import Optional

from pilot.node.batch.system import Environ, System


class Flux(System):
    """A job of a Flux instance."""

    name = "Flux"
    job_id_variables = ("FLUX_JOB_ID",)
    query = ("flux", "job", "timeleft")

    def parse_answer(self, text: str, now: float, values: Environ) -> Optional[float]:
        """The answer is a number of seconds."""
        word = text.strip()
        return float(word) if word.isdigit() else None


SYSTEM = Flux()
