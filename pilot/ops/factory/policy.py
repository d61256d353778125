"""Policies: a chain of pure functions that turn a site's demand into a number of pilots. Each gets
the number of the one before it and returns its own, with words for the decision's line.

The chain is AutoPyFactory's idea; `half` and `persist` are lgipilot's: half of the unmet demand
per step, and only after the demand has lasted.
"""

import math
import re
from typing import Callable, Dict, List, NamedTuple, Tuple

DEFAULT = "demand half persist(60)"
_WORD = re.compile(r"([a-z_]+)(?:\(([^()]*)\))?\Z")


class SiteState(NamedTuple):
    """What a policy reads of its site."""

    demand: int  # pilots that all its tasks would use at once
    tasks: int  # its share of the tasks
    running: int
    pending: int
    supply: int  # running and pending pilots that can still take one of these tasks
    # (age in seconds, number) that earlier cycles gave to `persist`, since the last submission
    wanted: Tuple[Tuple[float, int], ...] = ()
    silent_s: float = math.inf  # time since the last submission


Policy = Callable[[int, SiteState], Tuple[int, str]]


class Link(NamedTuple):
    """One policy of a chain: its name as written, and the function."""

    name: str
    run: Policy


Chain = Tuple[Link, ...]


class Proposal(NamedTuple):
    """The result of a chain: the number, its words, and what `persist` got."""

    pilots: int
    words: List[str]
    wanted: int


def demand(n: int, state: SiteState) -> Tuple[int, str]:
    """The demand that no pilot meets yet."""
    unmet = max(0, state.demand - state.supply)
    return unmet, "demand %d in %d tasks, minus supply %d (%d running, %d pending) = %d" % (
        state.demand, state.tasks, state.supply, state.running, state.pending, unmet,
    )


def half(n: int, state: SiteState) -> Tuple[int, str]:
    """Half of it, rounded up: tasks also go to pilots that become free."""
    return (n + 1) // 2, "half = %d" % ((n + 1) // 2)


def _scale(factor: float) -> Policy:
    def scale(n: int, state: SiteState) -> Tuple[int, str]:
        scaled = math.ceil(n * factor)
        return scaled, "scale(%g) = %d" % (factor, scaled)

    return scale


def _persist(seconds: float) -> Policy:
    def persist(n: int, state: SiteState) -> Tuple[int, str]:
        oldest = max((age for age, _ in state.wanted), default=0.0)
        if oldest < seconds and seconds > 0:
            return 0, "persist(%g) for %.0f s = 0" % (seconds, oldest)
        # a cycle lasts a little longer than `cycle_s`
        recent = [number for age, number in state.wanted if age <= seconds + SLACK_S]
        least = min([n] + recent)
        return least, "persist(%g) = %d" % (seconds, least)

    return persist


def _fixed(number: float) -> Policy:
    return lambda n, state: (int(number), "fixed(%d)" % number)


def _keep_running(number: float) -> Policy:
    def keep_running(n: int, state: SiteState) -> Tuple[int, str]:
        lacking = max(0, int(number) - state.running - state.pending)
        return lacking, "keep_running(%d) = %d" % (number, lacking)

    return keep_running


def _keep_pending(number: float) -> Policy:
    def keep_pending(n: int, state: SiteState) -> Tuple[int, str]:
        lacking = max(0, int(number) - state.pending)
        return lacking, "keep_pending(%d) = %d" % (number, lacking)

    return keep_pending


def _probe(seconds: float) -> Policy:
    def probe(n: int, state: SiteState) -> Tuple[int, str]:
        due = not state.running and not state.pending and state.silent_s >= seconds
        return (max(1, n), "probe(%g) = %d" % (seconds, max(1, n))) if due else (n, "")

    return probe


SLACK_S = 5.0
_PLAIN: Dict[str, Policy] = {"demand": demand, "half": half}
_MADE: Dict[str, Callable[[float], Policy]] = {
    "scale": _scale,
    "persist": _persist,
    "fixed": _fixed,
    "keep_running": _keep_running,
    "keep_pending": _keep_pending,
    "probe": _probe,
}
KNOWN = ", ".join(sorted(_PLAIN) + ["%s(N)" % name for name in sorted(_MADE)])


def parse_chain(text: str) -> Chain:
    """The chain of words like "demand half persist(60)". ValueError with a sentence."""
    words = text.split()
    if not words:
        raise ValueError("is empty; policies are %s" % KNOWN)
    return tuple(Link(word, _parse_policy(word)) for word in words)


def _parse_policy(word: str) -> Policy:
    match = _WORD.match(word)
    name, argument = match.groups() if match else ("", None)
    if name in _PLAIN and argument is None:
        return _PLAIN[name]
    try:
        number = float(argument or "")
    except ValueError:
        number = math.nan
    if name not in _MADE or not 0 <= number < 1e9:
        raise ValueError("%r is no policy; policies are %s" % (word, KNOWN))
    return _MADE[name](number)


def run_chain(chain: Chain, state: SiteState) -> Proposal:
    """Run all policies in order."""
    n, words, wanted = 0, [], None
    for link in chain:
        if wanted is None and link.name.startswith("persist("):
            wanted = n
        n, why = link.run(n, state)
        words += [why] if why else []
    return Proposal(n, words, n if wanted is None else wanted)
