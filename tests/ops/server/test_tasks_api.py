"""The API's half about tasks."""

import pytest

from pilot.pool import open_pool
from pilot.pool.interface import Offer
from tests.conftest import until
from tests.ops.server.asking import CLAIM, FINISH, ask, start, waiting
from tests.pool.asking import add, claim


def test_a_restored_task_with_odd_numbers_holds_up_nobody(within):
    attempt = {
        "generation": 1,
        "pilot": "p",
        "started": 1.0,
        "ended": 2.0,
        "outcome": "error",
        "reason": "",
        "result": None,
    }
    with open_pool(within.url) as pool:
        pool.restore(
            [
                {
                    "id": "odd",
                    "command": ["true"],
                    "priority": 9,
                    "generation": 0,
                    "attempts": [attempt],
                },
                {"id": "good", "command": ["true"]},
            ]
        )
        assert [(lease.task, lease.generation) for lease in claim(pool, count=2)] == [
            ("odd", 2),
            ("good", 1),
        ]


def test_a_refused_claim_in_anothers_name_leaves_the_others_alone(guarded):
    token = ask(guarded, "POST", "/v1/tokens", {"pilot": "p2"}, guarded.keys["admin"])[1]["token"]

    def wait():
        with open_pool(guarded.url, environ={"PILOT_POOL_TOKEN": guarded.keys["pilot"]}) as pool:
            return pool.next([], "p1", Offer(), 1, 300.0, "r", 15.0)

    found = start(wait)
    until(lambda: waiting(guarded) == 1)
    assert ask(guarded, "POST", "/v1/claim", dict(CLAIM, wait_s=5), token)[0] == 403
    assert waiting(guarded) == 1
    guarded.call(lambda: guarded.server.services.commit_queue.nudge("p1"))
    assert found() == ({}, [])


def test_a_task_without_an_id_is_given_one(within):
    ask(within, "POST", "/v1/tasks", {"tasks": [{"command": ["true"]}]})
    told = ask(within, "GET", "/v1/tasks")[1]["tasks"]
    assert [bool(one["id"]) for one in told] == [True]


def test_of_tasks_with_mistakes_none_is_added(within):
    tasks = [{"id": "a", "command": ["true"]}, {"id": "b"}]
    told = ask(within, "POST", "/v1/tasks", {"tasks": tasks})
    assert (told[0], told[1]["error"].split(": ")[0]) == (400, "task 2")
    assert ask(within, "GET", "/v1/status")[1]["todo"] == 0


@pytest.fixture
def three(within):
    """A server with the tasks a, b and c."""
    with open_pool(within.url) as pool:
        add(pool, "a", "b", "c")
    return within


def test_tasks_come_page_by_page(three):
    first = ask(three, "GET", "/v1/tasks?limit=2")[1]
    second = ask(three, "GET", "/v1/tasks?limit=2&after=" + first["next"])[1]
    pages = [[one["id"] for one in page["tasks"]] for page in (first, second)]
    assert (pages, second["next"]) == ([["a", "b"], ["c"]], None)


def test_tasks_of_one_state_are_listed(three):
    ask(three, "POST", "/v1/cancel", {"tasks": ["b"]})
    told = ask(three, "GET", "/v1/tasks?state=held")[1]["tasks"]
    assert [one["id"] for one in told] == ["b"]


def test_a_page_after_a_task_that_is_not_there_is_refused(three):
    told = ask(three, "GET", "/v1/tasks?after=x")
    assert told == (404, {"error": "there is no task 'x' to continue after"})


def test_a_task_that_is_not_there_is_told(three):
    told = ask(three, "GET", "/v1/tasks/x")
    assert told == (404, {"error": "there is no task 'x'"})


def test_an_end_under_anothers_lease_is_refused_in_a_sentence(three):
    status, told = ask(three, "POST", "/v1/finish", dict(FINISH, task="a"))
    assert (status, told["error"].split(":")[0]) == (409, "this pilot no longer has the lease")


def test_an_end_and_the_next_claim_are_one_request(three):
    lease = ask(three, "POST", "/v1/claim", CLAIM)[1]["leases"][0]
    end = {key: FINISH[key] for key in ("outcome", "reason", "result")}
    end.update(task=lease["task"], generation=lease["generation"])
    told = ask(three, "POST", "/v1/next", dict(CLAIM, finals=[end], request_id="r2"))[1]
    assert (told["states"], [one["task"] for one in told["leases"]]) == ([["a", 1, "done"]], ["b"])


def test_stale_leases_are_told_to_who_renews_them(three):
    body = {"pilot": "p1", "leases": [["a", 1]], "lease_s": 60}
    assert ask(three, "POST", "/v1/renew", body) == (200, {"stale": [["a", 1]]})


def test_why_there_is_no_work_is_told(three):
    told = ask(three, "POST", "/v1/backlog", {"offer": {"cores": 0}})
    assert told == (200, {"todo": 3, "waiting": 0, "retry_s": None})


def test_pending_are_tasks_that_are_not_over(three):
    assert ask(three, "GET", "/v1/pending") == (200, {"tasks": 3, "seconds": None})


def test_demand_is_for_factories_and_readers(guarded):
    statuses = {
        role: ask(guarded, "GET", "/v1/demand", None, token)[0]
        for role, token in guarded.keys.items()
    }
    assert statuses == {"admin": 200, "factory": 200, "reader": 200, "pilot": 403}


def test_held_tasks_are_forgotten_when_it_is_asked_for(three):
    ask(three, "POST", "/v1/cancel", {"tasks": ["a", "b"]})
    body = {"state": "held", "older_than_s": 0, "most": 5}
    assert ask(three, "POST", "/v1/purge", body) == (200, {"count": 2})


def test_what_an_operator_sends_back_is_counted(three):
    ask(three, "POST", "/v1/cancel", {"tasks": ["a", "b"]})
    assert ask(three, "POST", "/v1/retry", {"tasks": ["a", "nobody"]}) == (200, {"count": 1})
