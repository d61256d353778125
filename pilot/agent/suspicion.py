"""Whether a node is sick: many payloads in a row that fail at once point to the node, not to the
payloads. Pure."""

from pilot.events.endings import AttemptOutcome

QUICK_S = 30.0


class Suspicion:
    """Counts failures in a row that took less than QUICK_S; `most` of them end the agent (0:
    never)."""

    def __init__(self, most: int) -> None:
        self._most, self._row = most, 0

    def note(self, outcome: str, seconds: float, reason: str) -> str:
        """Count the end of an attempt; a sentence when the node is suspect now, else ""."""
        if outcome in (AttemptOutcome.DONE, AttemptOutcome.ERROR):
            self._row = self._row + 1 if outcome == AttemptOutcome.ERROR and seconds < QUICK_S else 0
        if not self._most or self._row < self._most:
            return ""
        return "%d payloads in a row failed within %.0f s each, the last: %s" % (
            self._row,
            QUICK_S,
            reason,
        )
