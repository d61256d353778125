"""Calculates statistics of the steps that pilots ran. Pure."""

from typing import Dict, Iterable, List, NamedTuple, Sequence, Tuple

from pilot.events.endings import CommandStatus

BAD = (
    CommandStatus.FAILED,
    CommandStatus.CRASHED,
    CommandStatus.TIMED_OUT,
    CommandStatus.INTERRUPTED,
)


def quantile(ordered: Sequence[float], share: float) -> float:
    """Return the value below which this share of the values lies (nearest rank); 0 for no
    values."""
    return (
        ordered[min(len(ordered) - 1, max(0, int(share * len(ordered) + 0.999999) - 1))]
        if ordered
        else 0.0
    )


def by_command(steps: Iterable[Tuple[str, str, str, str, float]]) -> List[Dict[str, object]]:
    """Summarise steps for each command and site. `steps` contains (command, site, status, reason,
    seconds), newest first. Return runs, ok, skipped, the median and the 95 % quantile of the
    seconds of steps that ran, and the most common, the oldest and the newest failure reason."""
    groups: Dict[Tuple[str, str], List[Tuple[str, str, float]]] = {}
    for command, site, status, reason, seconds in steps:
        groups.setdefault((command, site), []).append((status, reason, seconds))
    return [dict(_sum_rows(groups[key]), command=key[0], site=key[1]) for key in sorted(groups)]


def _sum_rows(rows: Sequence[Tuple[str, str, float]]) -> Dict[str, object]:
    ran = sorted(seconds for status, _, seconds in rows if status != CommandStatus.SKIPPED)
    reasons = [reason for status, reason, _ in rows if status in BAD]
    counts: Dict[str, int] = {}
    for reason in reasons:
        counts[reason] = counts.get(reason, 0) + 1
    common = max(sorted(counts), key=lambda reason: counts[reason]) if counts else ""
    return {
        "runs": len(ran),
        "ok": sum(1 for status, _, _ in rows if status == CommandStatus.OK),
        "skipped": len(rows) - len(ran),
        "median_s": round(quantile(ran, 0.5), 3),
        "p95_s": round(quantile(ran, 0.95), 3),
        "first_reason": reasons[-1] if reasons else "",
        "common_reason": common,
        "last_reason": reasons[0] if reasons else "",
    }


def wasted_hours(
    pilots: Iterable[Tuple[str, int, float, float, float, float]],
) -> List[Dict[str, object]]:
    """Return the core hours of each site. `pilots` contains (site, cores, seconds, busy, failed,
    set-up seconds) of finished pilots. The hours are those that successful payloads used, those
    that failed payloads lost, those of validation and set-up, and the idle ones."""
    sites: Dict[str, _Hours] = {}
    for site, cores, seconds, busy, failed, setup in pilots:
        total = seconds * cores
        before = min(total, setup * cores)
        hours = sites.get(site, _Hours())
        sites[site] = _Hours(
            hours.pilots + 1,
            hours.used_h + max(0.0, busy - failed) / 3600,
            hours.failed_h + failed / 3600,
            hours.validation_h + before / 3600,
            hours.idle_h + max(0.0, total - before - busy) / 3600,
        )
    return [_describe_hours(site, sites[site]) for site in sorted(sites)]


class _Hours(NamedTuple):
    pilots: int = 0
    used_h: float = 0.0
    failed_h: float = 0.0
    validation_h: float = 0.0
    idle_h: float = 0.0


def _describe_hours(site: str, hours: _Hours) -> Dict[str, object]:
    return {
        "site": site,
        "pilots": hours.pilots,
        "used_h": round(hours.used_h, 4),
        "failed_h": round(hours.failed_h, 4),
        "validation_h": round(hours.validation_h, 4),
        "idle_h": round(hours.idle_h, 4),
    }
