"""The ends of attempts that the pool has not been told yet."""

import pytest

from tests.agent.running import PLAN, add, gone, outcomes, passed, show, started
from tests.conftest import until


@pytest.mark.slow
def test_what_ended_while_the_server_was_away_for_longer_than_the_lease_is_done(
    server, start_pilot, tmp_path
):
    add(
        server,
        *[
            {
                "id": "t%d" % n,
                "script": "echo $$ > %s/t%d; sleep 1" % (tmp_path, n),
                "max_attempts": 1,
            }
            for n in range(2)
        ],
    )
    start_pilot(
        *(
            PLAN
            + (
                "--pool",
                server.url,
                "--workdir",
                str(tmp_path / "w"),
                "--lease-s",
                "4",
                "--slots",
                "2",
            )
        )
    )
    payloads = [started(tmp_path, "t%d" % n) for n in range(2)]
    server.kill()
    until(lambda: all(gone(pid) for pid in payloads))
    until(passed(4.5))
    server.start()
    until(lambda: all(show(server, "t%d" % n)["state"] == "done" for n in range(2)))
    assert all(outcomes(show(server, "t%d" % n)) == ["done"] for n in range(2))
