"""The transitions of a task as docs/tasks.md lists them, held against the pool."""

import re

import pytest

from pilot.events.endings import AttemptOutcome, TaskState
from pilot.pool.interface import Final
from tests.conftest import ROOT
from tests.pool.asking import add, claim

TABLE = (ROOT / "docs" / "tasks.md").read_text(encoding="utf-8").split("The transitions, ")[1]
ROWS = re.findall(r"^\| (\w+) \| ([^|]+) \| (\w+) \|$", TABLE.split("Every other event")[0], re.M)
OUTCOMES = ("done", "error", "released", "returned", "lost")


def bring_to(pool, state, last):
    """A task `a` in this state; its lease where it is locked."""
    add(pool, "a", max_attempts=1 if last or state == "error" else 3)
    if state == "held":
        pool.cancel(["a"])
    if state not in ("locked", "error", "done"):
        return None
    lease = claim(pool, lease_s=10)[0]
    if state != "locked":
        pool.finish(Final("a", lease.generation, state, "", {}), "p1")
    return lease


def perform(pool, lease, what, clock):
    """Let it happen."""
    ended = re.search(r"ends `(\w+)`", what)
    if "claims" in what:
        claim(pool)
    elif "cancels" in what:
        pool.cancel(["a"])
    elif "sends it back" in what:
        pool.retry(["a"])
    elif "runs out" in what:
        if "never" not in what:
            pool.renew("p1", [("a", lease.generation)], 10)
        clock.now += 11
    elif "more often" in what:
        for _ in range(6):
            pool.finish(Final("a", lease.generation, "released", "", {}), "p1")
            lease = (claim(pool) or [lease])[0]
    else:
        pool.finish(Final("a", lease.generation, ended.group(1), "", {}), "p1")


@pytest.mark.parametrize("state, what, after", ROWS, ids=[" ".join(row) for row in ROWS])
def test_a_transition_is_as_the_table_says(pool, clock, state, what, after):
    lease = bring_to(pool, state, "last one" in what)
    perform(pool, lease, what, clock)
    assert {key: count for key, count in pool.status().items() if count} == {after: 1}


def test_the_table_names_every_state():
    assert {row[0] for row in ROWS} | {row[2] for row in ROWS} == {one.value for one in TaskState}


def test_the_table_names_every_outcome_that_an_agent_reports():
    assert set(re.findall(r"ends `(\w+)`", TABLE)) == set(OUTCOMES)
    assert set(OUTCOMES) < {one.value for one in AttemptOutcome}


def test_a_task_that_is_done_never_changes(pool, clock):
    lease = bring_to(pool, "done", False)
    pool.cancel(["a"])
    pool.retry(["a"])
    clock.now += 1000
    assert (lease.attempt, pool.status()["done"]) == (1, 1)
