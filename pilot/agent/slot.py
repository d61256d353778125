"""The slot that an agent fills: which part of it is free, and for how long."""

from typing import Iterable, List, Optional

from pilot.agent import capacity
from pilot.agent.config import AgentConfig
from pilot.agent.timing import MARGIN_S
from pilot.agent.payload import Payload
from pilot.node.deadline import Deadline
from pilot.pool.interface import Offer


class Slot:
    """Cores, memory, GPUs and time of this pilot."""

    def __init__(self, config: AgentConfig, deadline: Deadline) -> None:
        self._config, self._deadline = config, deadline
        self._whole = capacity.whole_slot(config)

    def time_left_s(self) -> Optional[float]:
        """Seconds for a payload, so that the agent can still report its end; None where no end is
        known."""
        end = self._deadline.end()
        return None if end is None else end.left_s - self._config.stop_grace_s - MARGIN_S

    def free(self, running: Iterable[Payload]) -> capacity.Capacity:
        """The capacity that is left while these payloads run."""
        payloads: List[Payload] = list(running)
        return capacity.free_part(
            self._whole,
            [one.spec for one in payloads],
            [gpu for one in payloads for gpu in one.gpus],
        )

    def offer(self, running: Iterable[Payload]) -> Optional[Offer]:
        """The offer to send to the pool while these payloads run; None when no further task
        fits."""
        return capacity.make_offer(self.free(running), self._config, self.time_left_s())
