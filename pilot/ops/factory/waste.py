"""What the slots of a factory's pilots were used for, by site and day. Pure functions."""

import time
from typing import Dict, Iterable, List, NamedTuple, Optional, Tuple

from pilot.ops.factory.use import Use


class Span(NamedTuple):
    """One ended pilot: its site, the cores and the time that it asked for, UNIX times of its
    submission, start and end; `use` is None if it left no events."""

    site: str
    cores: int
    walltime_s: Optional[float]
    submitted: float
    started: Optional[float]
    ended: float
    use: Optional[Use]


class Hours(NamedTuple):
    """Hours of cores, but for `queue`, which is hours of pilots; `allocated` is the sum of those that
    follow it. `asked` counts pilots with a time limit only."""

    asked: float = 0.0
    queue: float = 0.0
    allocated: float = 0.0
    setup: float = 0.0
    well: float = 0.0
    failed: float = 0.0
    idle: float = 0.0
    after_last: float = 0.0
    unreported: float = 0.0

    @property
    def efficiency(self) -> float:
        """The part of the allocated hours in payloads that ended well; 0 without any."""
        return self.well / self.allocated if self.allocated else 0.0


class Waste(NamedTuple):
    """The pilots of a site that ended on one day (UTC)."""

    day: str
    site: str
    pilots: int
    hours: Hours


def sum_waste(spans: Iterable[Span]) -> List[Waste]:
    """One row for each day and site, in this order."""
    rows: Dict[Tuple[str, str], Waste] = {}
    for span in spans:
        key = (time.strftime("%Y-%m-%d", time.gmtime(span.ended)), span.site)
        before = rows.get(key) or Waste(key[0], key[1], 0, Hours())
        both = Hours(*(a + b for a, b in zip(before.hours, _hours_of(span))))
        rows[key] = before._replace(pilots=before.pilots + 1, hours=both)
    return [rows[key] for key in sorted(rows)]


def _hours_of(span: Span) -> Hours:
    """The hours of one pilot. Its own clock may differ from ours: its parts are at most what it was
    given."""
    started = span.ended if span.started is None else span.started
    left = max(0.0, span.ended - started) * span.cores / 3600
    hours = Hours(
        asked=(span.walltime_s or 0.0) * span.cores / 3600,
        queue=max(0.0, started - span.submitted) / 3600, allocated=left,
    )
    if span.use is None:
        return hours._replace(unreported=left)
    use, parts = span.use, []
    for part in (use.well_s, use.failed_s, use.setup_s * span.cores, use.tail_s * span.cores):
        parts.append(min(part / 3600, left))
        left -= parts[-1]
    return hours._replace(
        well=parts[0], failed=parts[1], setup=parts[2], after_last=parts[3], idle=left
    )
