"""The progress of a pilot, as a number and as a bar. Pure functions, except that one reads the task
file."""

from typing import Dict, Optional

from pilot.events.endings import AttemptOutcome
from pilot.base.setting_values import SettingValues

WIDTH = 30


def fraction_done(
    settings: SettingValues, elapsed_s: float, counts: Dict[str, int], total: Optional[int]
) -> float:
    """The progress of a pilot, from 0 to 1: the larger of the share of its time (--max-walltime)
    and the share of its tasks (--max-tasks, --tasks)."""
    shares = [0.0]
    limit = settings["max_walltime"]
    if limit and isinstance(limit, (int, float)):
        shares.append(elapsed_s / limit)
    if total:
        shares.append((counts[AttemptOutcome.DONE] + counts[AttemptOutcome.ERROR]) / float(total))
    return min(1.0, max(shares))


def count_tasks(settings: SettingValues) -> Optional[int]:
    """The number of tasks to run, or None if it is not known."""
    path = settings["tasks"] if "tasks" in settings else None
    limit = settings["max_tasks"] if "max_tasks" in settings else None
    most = limit if isinstance(limit, int) else None
    if not path:
        return most
    try:
        with open(str(path), encoding="utf-8", errors="replace") as stream:
            there = sum(1 for line in stream if line.strip())
    except OSError:
        return most
    return there if most is None else min(most, there)


def draw_bar(counts: Dict[str, int], running: int, total: int) -> str:
    """Return `[#####.....] 5 of 10 tasks, 1 failed, 2 running`."""
    over = counts[AttemptOutcome.DONE] + counts[AttemptOutcome.ERROR]
    marks = WIDTH * min(over, total) // max(1, total)
    text = "[%s%s] %d of %d tasks" % ("#" * marks, "." * (WIDTH - marks), over, total)
    if counts[AttemptOutcome.ERROR]:
        text += ", %d failed" % counts[AttemptOutcome.ERROR]
    return text + (", %d running" % running if running else "")
