"""What every payload of an agent shares, and how an attempt at a task ended."""

from typing import Any, Callable, Dict, NamedTuple, Optional

from pilot.agent import isolation, marks
from pilot.agent.config import AgentConfig
from pilot.agent.confine import Confinement
from pilot.agent.loop import Loop
from pilot.agent.sandbox import Sandboxes
from pilot.agent.strays import Strays
from pilot.pool.interface import Lease

Tell = Callable[..., None]


class Ending(NamedTuple):
    """How an attempt ended: outcome done or error (to be reported), released (given back), returned
    (given back before it was started), lost (nothing to say).
    `node` when it is the node that could not run it."""

    outcome: str
    reason: str
    result: Dict[str, Any]
    seconds: float
    node: bool = False


class Surroundings(NamedTuple):
    """What every payload of an agent shares."""

    config: AgentConfig
    loop: Loop
    strays: Strays
    confinement: Confinement
    which: isolation.Which
    sandboxes: Sandboxes
    tell: Tell
    marks: marks.Marks
    lease_end: Callable[[Lease], Optional[float]]  # of the boot clock
