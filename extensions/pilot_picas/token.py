"""A PiCaS token: the names of its fields, and what its document says about its state, its lease
and its attempts. Pure.

Fields that the picas client 1.1 knows: type, lock, done (UNIX seconds), hostname, scrub_count,
exit_code, output, error, a job id. Fields that only the pilot knows: `pilot_lease` (the fence),
`pilot_attempts` (the history), `pilot_task`, `pilot_not_before` (UNIX seconds of the database's
clock).
"""

from typing import List, NamedTuple, Optional

from .document import Document, read_list, read_number, read_object

VIEW = "Monitor/todo"
LEASE, HISTORY, TASK, NOT_BEFORE = "pilot_lease", "pilot_attempts", "pilot_task", "pilot_not_before"
RELEASES = "pilot_releases"  # how often a pilot released the token after it started the payload
HELD = -1  # a lock that no view of PiCaS lists


class TokenLease(NamedTuple):
    """The lease of a pilot: it ends at `until` (UNIX seconds of the database's clock); `request`
    is the claim that made it."""

    generation: int
    pilot: str
    until: float
    request: object


def state_of(document: Document) -> str:
    """todo, locked, done or error, by the same rules as the views of PiCaS; held for our own
    lock."""
    lock, done = read_number(document.get("lock")), read_number(document.get("done"))
    if lock < 0:
        return "held"
    if done <= 0:
        return "locked" if lock > 0 else "todo"
    return "done" if str(document.get("exit_code")).strip() in ("0", "0.0") else "error"


def lease_of(document: Document) -> Optional[TokenLease]:
    """Our lease; None when there is no lease, or when somebody edited it so that it is invalid."""
    lease = read_object(document.get(LEASE))
    generation, pilot, until = lease.get("generation"), lease.get("pilot"), lease.get("until")
    if not isinstance(generation, int) or not isinstance(pilot, str):
        return None
    if not isinstance(until, (int, float)):
        return None
    return TokenLease(generation, pilot, until, lease.get("request"))


def history_of(document: Document) -> List[Document]:
    """The attempts that pilots recorded, oldest first."""
    return [
        attempt
        for attempt in read_list(document.get(HISTORY))
        if isinstance(attempt, dict) and isinstance(attempt.get("generation"), int)
    ]


def generation_of(document: Document) -> int:
    """The generation of the latest attempt; 0 when there was no attempt."""
    return max([int(read_number(one["generation"])) for one in history_of(document)] + [0])


def scrubs_of(document: Document) -> int:
    """The number of failed attempts."""
    return int(read_number(document.get("scrub_count")))


def priority_of(document: Document) -> int:
    """The priority of the task; a higher number goes first."""
    return read_bound(document, "priority", 0)


def read_bound(document: Document, name: str, default: int) -> int:
    """A whole number among the fields of the task, such as max_attempts."""
    value = read_object(document.get(TASK)).get(name, default)
    return value if isinstance(value, int) else default


def holds_lease(document: Document, generation: int, pilot: str) -> bool:
    """Whether this pilot holds the lease of this generation."""
    lease = lease_of(document)
    return (
        lease is not None
        and state_of(document) == "locked"
        and lease.generation == generation
        and lease.pilot == pilot
    )


def is_claimable(document: Document, now: float) -> bool:
    """Whether a pilot may claim the token now."""
    return (
        document.get("type") == "token"
        and state_of(document) == "todo"
        and wait_of(document, now) <= 0
    )


def wait_of(document: Document, now: float) -> float:
    """Seconds until a pilot may claim the token."""
    return read_number(document.get(NOT_BEFORE)) - now


def lease_expired(document: Document, now: float) -> bool:
    """Whether a lease of ours expired. A token that the picas client locked has no lease."""
    lease = lease_of(document)
    return lease is not None and state_of(document) == "locked" and lease.until <= now
