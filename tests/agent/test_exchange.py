"""Ends go out and a claim comes back, in one request."""

import pytest

from tests.agent.running import PLAN, add, outcomes, show
from tests.conftest import steady, until
from tests.pool.cutting import Cutting


def test_a_claim_whose_answer_was_lost_is_given_back_by_a_pilot_that_is_stopped(
    server, start_pilot, tmp_path
):
    add(server, {"id": "a", "command": ["sleep", "300"], "max_attempts": 1})
    proxy = Cutting(int(server.url.rpartition(":")[2]))
    proxy.cut = lambda data: b'"attempt"' in data
    child = start_pilot(*(PLAN + ("--pool", proxy.url, "--workdir", str(tmp_path / "w"))))
    assert proxy.lost.wait(20)
    assert show(server, "a")["state"] == "locked"
    child.terminate()
    proxy.cut = lambda data: False
    assert child.wait(timeout=60) == 143
    told = show(server, "a")
    assert (told["state"], told["attempts_used"], outcomes(told)) == ("todo", 0, ["returned"])
    proxy.close()


@pytest.mark.slow
def test_a_claim_that_waited_longer_than_half_its_lease_is_no_lost_one(
    server, start_pilot, tmp_path
):
    """The lease begins when it is granted, and a claim waits for half a lease at most."""
    child = start_pilot(
        *(
            PLAN
            + (
                "--pool",
                server.url,
                "--workdir",
                str(tmp_path / "w"),
                "--lease-s",
                "3",
                "--idle-s",
                "60",
                "--max-tasks",
                "2",
            )
        )
    )
    for name in ("a", "b"):
        began = steady()
        until(lambda: steady() - began > 2.2)
        add(server, {"id": name, "command": ["sleep", "1"], "max_attempts": 1})
    assert child.wait(timeout=30) == 0
    assert [outcomes(show(server, name)) for name in ("a", "b")] == [["done"], ["done"]]
