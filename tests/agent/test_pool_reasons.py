"""What the pool says when an agent asks why."""

import pytest

from pilot.agent import pool_reasons
from pilot.pool import open_pool
from pilot.pool.interface import Backlog, Busy
from tests.agent.running import PLAN, look, put
from tests.pool.asking import claim


def test_work_that_does_not_fit_is_told(run):
    ended = run([{"id": "big", "command": ["true"], "cores": 1000}])
    assert ended.code == 0
    assert "tasks left that this slot cannot run: 1" in ended.err
    assert "tasks left that cannot run here: 1" in ended.out


def test_a_pilot_waits_for_a_task_that_is_to_be_tried_again(pool, pilot, tmp_path):
    put(
        pool,
        {
            "id": "flaky",
            "script": "test -e %s/second || { touch %s/second; exit 1; }" % (tmp_path, tmp_path),
        },
        {"id": "other", "tags": ["x"]},
    )
    ended = pilot(*(PLAN + ("--pool", pool)))
    assert ended.code == 0
    assert look(pool, "flaky")["state"] == "done"
    assert ended.report["facts"]["AgentSummary"]["reason"] == "tasks left that cannot run here: 1"


@pytest.mark.parametrize(
    "backlog, words",
    [
        (Backlog(0, 0, None), "no task is left"),
        (Backlog(3, 0, None), "tasks left that cannot run here: 3"),
        (
            Backlog(2, 2, 41.0),
            "tasks left that wait for another attempt: 2, the first that fits for 41 s",
        ),
        (
            Backlog(3, 1, None),
            "tasks left that cannot run here: 2; tasks left that wait for another attempt: 1",
        ),
    ],
)
def test_why_there_is_no_work_is_one_sentence(backlog, words):
    assert pool_reasons.why_no_work(backlog) == words


@pytest.fixture
def claimed(pool):
    """A pool in which p1 has claimed the task a."""
    put(pool, {"id": "a"})
    with open_pool(pool) as one:
        claim(one)
        yield one


def test_leases_that_are_ours_are_prolonged_and_none_is_lost(claimed):
    assert pool_reasons.renew_leases(claimed, "p1", [("a", 1)], 300.0) == {}


def test_of_a_task_that_was_cancelled_the_operator_is_told(claimed):
    claimed.cancel(["a"])
    assert pool_reasons.renew_leases(claimed, "p1", [("a", 1)], 300.0) == {
        ("a", 1): "the lease was lost: the task is held, cancelled by an operator"
    }


def test_of_a_task_that_another_has_that_is_told(claimed):
    claimed.release("a", 1, "p1", "draining")
    claim(claimed, "p2")
    claimed.release("a", 2, "p2", "")
    claim(claimed, "p3")
    told = pool_reasons.why_lost(claimed, ("a", 1))
    assert told == "the lease was lost: the task is locked, another pilot has it now"


def test_a_lease_that_is_still_there_was_renewed_too_late(claimed):
    assert pool_reasons.why_lost(claimed, ("a", 1)) == pool_reasons.NOT_RENEWED


def test_of_a_task_that_is_not_there_any_more_that_is_told(claimed):
    told = pool_reasons.why_lost(claimed, ("forgotten", 1))
    assert told == "the lease was lost: the task is gone, another pilot has it now"


def test_a_pool_that_does_not_say_why_is_not_waited_for(claimed):
    class Away:
        def show(self, task):
            raise Busy("away")

    assert pool_reasons.why_lost(Away(), ("a", 1)).startswith("the lease was lost: the task is gone")
