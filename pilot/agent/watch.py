"""Samples what a running payload uses, and compares it with its limits."""

import time
from typing import Dict, List, Optional

from pilot.base import process_tree
from pilot.agent import limits
from pilot.agent.sandbox import size_mb
from pilot.agent.stages import PayloadPlace

SAMPLE_S, SOONEST_S = 1.0, 0.05  # interval of samples; and while usage grows fast
# a sample so late, with CPU time below this share of the gap, follows a suspension
ASLEEP_S, IDLE = 3.0, 0.1


class Watch:
    """Samples of a running payload, compared with its limits."""

    TELL_EVERY = 30  # samples between two usage events

    def __init__(self, allowed: limits.PayloadLimits) -> None:
        self.limits = allowed
        self.began = self._looked = time.monotonic()
        self.peak_mb = 0.0
        # seconds suspended: in total; not yet added to the wall time limit
        self._asleep, self._owed = 0.0, 0.0
        self._output = (0, self.began)  # size, and when it last changed
        self._looks = 0
        self._last, self._last_at, self._next_look_s = limits.NOTHING, self.began, SAMPLE_S
        self._used = process_tree.Usage(0, 0.0, 0.0)

    def begin(self) -> None:
        """The payload itself starts now."""
        self.began = self._looked = self._last_at = time.monotonic()
        self._output = (0, self.began)

    def asleep_now(self, tree: List[process_tree.Process]) -> float:
        """Seconds for which the payload was suspended since the last call."""
        self._take_sample(tree)
        owed, self._owed = self._owed, 0.0
        return owed

    def _take_sample(self, tree: List[process_tree.Process]) -> None:
        """Detect a suspension (SIGSTOP, a volunteer's machine at work, docker pause): the sample
        comes much too late, and the payload used hardly any CPU time meanwhile. On a machine that
        is only busy payloads use CPU time."""
        used, now = process_tree.total(tree), time.monotonic()
        late = now - self._looked - SAMPLE_S
        if late > ASLEEP_S and used.cpu_s - self._used.cpu_s < late * IDLE:
            self._asleep += late
            self._owed += late
        self._used, self._looked = used, now
        self.peak_mb = max(self.peak_mb, used.rss_mb)

    def look(self, tree: List[process_tree.Process], place: PayloadPlace) -> Optional[str]:
        """Sample all its processes; returns the limit that it has passed, as a sentence, or
        None."""
        self._looks += 1
        self._take_sample(tree)
        now, size = self._looked - self._asleep, place.sandbox.output_size()
        if size != self._output[0]:
            self._output = (size, now)
        disk = size_mb(place.sandbox.home) if self.limits.disk_mb is not None else 0.0
        sample = limits.Sample(
            self._used.cpu_s, self._used.rss_mb, disk, size / 1048576.0, now - self._output[1]
        )
        self._next_look_s = limits.next_look_s(
            self.limits, self._last, sample, self._looked - self._last_at, SOONEST_S, SAMPLE_S
        )
        self._last, self._last_at = sample, self._looked
        return limits.find_breach(self.limits, sample)

    def next_look_s(self) -> float:
        """When to take the next sample: sooner if the payload may soon pass a limit."""
        return self._next_look_s

    def tells(self) -> bool:
        """Whether this sample goes into an event."""
        return self._looks % self.TELL_EVERY == 1

    def told(self) -> Dict[str, object]:
        """The last sample, for an event."""
        return {
            "processes": self._used.processes,
            "cpu_s": round(self._used.cpu_s, 2),
            "rss_mb": round(self._used.rss_mb, 1),
        }
