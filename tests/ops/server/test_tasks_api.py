"""The API's half about tasks."""

from pilot.pool import open_pool
from pilot.pool.interface import Offer
from tests.conftest import until
from tests.ops.server.asking import CLAIM, ask, start, waiting
from tests.pool.asking import claim


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
    guarded.call(lambda: guarded.server.hub.nudge("p1"))
    assert found() == ({}, [])
