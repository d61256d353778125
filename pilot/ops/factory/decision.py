"""One decision: how many pilots to submit to a site now, and why, in one line. Pure."""

from typing import NamedTuple

from pilot.ops.factory import guards, policy
from pilot.ops.factory.config import Site
from pilot.ops.factory.guards import Limits
from pilot.ops.factory.policy import SiteState


class Decision(NamedTuple):
    """The number of pilots to submit, the line that explains it, and the number that `persist`
    compares with later."""

    site: str
    submit: int
    line: str
    wanted: int


def decide(site: Site, state: SiteState, limits: Limits) -> Decision:
    """Run the site's policy, then all guards."""
    proposal = policy.run_chain(site.policy, state)
    n, words = proposal.pilots, list(proposal.words)
    floor = site.min_running - state.running - state.pending
    if n < floor:
        n = floor
        words.append("min_running %d-%d = %d" % (
            site.min_running, state.running + state.pending, floor))
    n, more = guards.run_guards(n, limits)
    line = "%s: %s -> %s" % (site.name, ", ".join(words + more), "submit %d" % n if n else "wait")
    return Decision(site.name, n, line, proposal.wanted)
