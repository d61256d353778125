"""The objects that all payloads of an agent share, and the way an attempt at a task ended."""

from typing import Callable, Dict, NamedTuple, Optional

from pilot.agent import isolation, marks
from pilot.agent.config import AgentConfig
from pilot.agent.confine import Confinement
from pilot.agent.loop import Loop
from pilot.agent.sandbox import Sandboxes
from pilot.agent.strays import Strays
from pilot.pool.interface import Lease

Tell = Callable[..., None]


class AttemptEnd(NamedTuple):
    """How an attempt ended, an AttemptOutcome; `node` when the node could not run it."""

    outcome: str
    reason: str
    result: Dict[str, object]
    seconds: float
    node: bool = False


class PayloadContext(NamedTuple):
    """The objects that all payloads of an agent share."""

    config: AgentConfig
    loop: Loop
    strays: Strays
    confinement: Confinement
    which: isolation.Which
    sandboxes: Sandboxes
    tell: Tell
    marks: marks.Marks
    lease_end: Callable[[Lease], Optional[float]]  # by the boot clock
