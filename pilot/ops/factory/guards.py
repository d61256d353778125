"""Guards: limits on each decision that no policy can leave out, always in the same order. Pure
functions."""

import math
from typing import Callable, List, NamedTuple, Optional, Tuple

CANARY_S = 600.0  # time between the single pilots that test a site in quarantine


class Limits(NamedTuple):
    """What the guards read: the site's limits, what counts towards them, and what forbids
    submissions. Held and suspended jobs count towards all caps."""

    mode: str = "online"
    paused: str = ""  # why an operator allows no submission: "paused", "draining"
    downtime_left_s: Optional[float] = None  # None: no downtime now
    unknown: str = ""  # why the state of the site or of the pool is not known
    back_off_s: float = 0.0  # time until the next submission is allowed after a refusal
    back_off_why: str = ""
    stopped: str = ""  # the sentence of a pilot that was configured wrong
    quarantine: str = ""  # why pilots end quickly here
    canary_age_s: float = math.inf  # time since the last canary was submitted
    pending: int = 0
    held: int = 0
    running: int = 0
    max_pending: int = 5
    max_running: int = 10
    learned_cap: Optional[int] = None  # jobs that the batch system allows us
    total: int = 0  # of all sites
    max_total: Optional[int] = None
    max_per_cycle: int = 10
    rate_per_min: float = 60.0
    lately: int = 0  # submitted within the last minute


Guard = Callable[[int, Limits], Tuple[int, str]]


def _check_mode(n: int, limits: Limits) -> Tuple[int, str]:
    if limits.mode == "offline":
        return 0, "mode offline"
    if limits.mode == "test":
        # a test site keeps one pilot, whatever the demand is
        busy = limits.running + limits.pending + limits.held
        return (0 if busy else 1), "mode test"
    if limits.downtime_left_s is not None:
        return 0, "downtime for %.0f s more" % limits.downtime_left_s
    return (0, limits.paused) if limits.paused else (n, "")


def _check_unknown(n: int, limits: Limits) -> Tuple[int, str]:
    return (0, "unknown: %s" % limits.unknown) if limits.unknown else (n, "")


def _check_back_off(n: int, limits: Limits) -> Tuple[int, str]:
    if limits.back_off_s > 0:
        return 0, "back-off for %.0f s more: %s" % (limits.back_off_s, limits.back_off_why)
    return n, ""


def _check_quarantine(n: int, limits: Limits) -> Tuple[int, str]:
    if limits.stopped:
        return 0, "stopped: %s" % limits.stopped
    if not limits.quarantine:
        return n, ""
    waits_s = CANARY_S - limits.canary_age_s
    if waits_s > 0:
        return 0, "quarantine, the next canary in %.0f s: %s" % (waits_s, limits.quarantine)
    return min(n, 1), "quarantine, canary: %s" % limits.quarantine


def _cap(name: str, most: int, used: int, n: int) -> Tuple[int, str]:
    left = max(0, most - used)
    return (left, "%s %d-%d = %d" % (name, most, used, left)) if n > left else (n, "")


def _check_pending(n: int, limits: Limits) -> Tuple[int, str]:
    return _cap("max_pending", limits.max_pending, limits.pending + limits.held, n)


def _check_running(n: int, limits: Limits) -> Tuple[int, str]:
    used = limits.pending + limits.held + limits.running
    n, words = _cap("max_running", limits.max_running, used, n)
    if limits.learned_cap is None:
        return n, words
    n, more = _cap("the batch system's limit", limits.learned_cap, used, n)
    return n, more or words


def _check_total(n: int, limits: Limits) -> Tuple[int, str]:
    if limits.max_total is None:
        return n, ""
    return _cap("max_total", limits.max_total, limits.total, n)


def _check_cycle(n: int, limits: Limits) -> Tuple[int, str]:
    return _cap("max_per_cycle", limits.max_per_cycle, 0, n)


def _check_rate(n: int, limits: Limits) -> Tuple[int, str]:
    return _cap("rate_per_min", math.floor(limits.rate_per_min), limits.lately, n)


GUARDS: Tuple[Guard, ...] = (
    _check_mode,
    _check_unknown,
    _check_back_off,
    _check_quarantine,
    _check_pending,
    _check_running,
    _check_total,
    _check_cycle,
    _check_rate,
)


ALWAYS = GUARDS[:4]


def run_guards(n: int, limits: Limits) -> Tuple[int, List[str]]:
    """The number that all guards allow, and the words of those that changed it. Caps are not
    explained once the number is 0; what closes the site always is."""
    words: List[str] = []
    for guard in GUARDS:
        if n <= 0 and (words or guard not in ALWAYS):
            continue
        n, why = guard(n, limits)
        words += [why] if why else []
    return max(0, n), words
