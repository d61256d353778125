"""The calls that inform the hosts of a run; loaded only on a host."""

import time
from typing import TYPE_CHECKING, List, Optional, Tuple

from pilot.events.endings import AttemptOutcome
from pilot.hosts.host import PilotEnd

if TYPE_CHECKING:
    from pilot.engine.life import Life


def begin_hosts(life: "Life") -> None:
    """The pilot runs: hosts may ask for its progress from now on."""
    settings, counts = life.request.settings, life.sinks.tally.counts
    totals: List[Optional[int]] = []

    def measure() -> Tuple[float, int]:
        from pilot.events import progress  # only when a host asks: no host of a lean file does

        totals[:] = totals or [progress.count_tasks(settings)]
        elapsed_s = time.monotonic() - life.began
        fraction = progress.fraction_done(settings, elapsed_s, counts, totals[0])
        return fraction, counts[AttemptOutcome.DONE] + counts[AttemptOutcome.ERROR]

    for host in life.hosts:
        host.begin(measure)


def end_hosts(life: "Life", code: int) -> int:
    """The pilot ends; returns the exit code for the hosts."""
    counts = life.sinks.tally.counts
    tasks = sum(count for outcome, count in counts.items() if outcome != AttemptOutcome.LOST)
    failed = (outcome.reason for outcome in life.outcomes if outcome.exit_code)
    reason = next(failed, "") or "; ".join(life.problems)
    seen = code
    for host in life.hosts:
        answer = host.ended(PilotEnd(code, tasks, bool(life.sinks.tally.end), reason))
        seen = answer if answer != code else seen
    return seen
