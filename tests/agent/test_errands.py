"""Questions to the pool: two lanes, and an end that nobody holds up."""

import json
import signal

import pytest

from tests.agent.running import PLAN, add, gone, show, sleeper, started
from tests.conftest import steady, until


def test_work_that_comes_while_the_agent_waits_is_begun_at_once(server, start_pilot, tmp_path):
    add(server, {"id": "first"})
    child = start_pilot(
        *(
            PLAN
            + (
                "--pool",
                server.url,
                "--workdir",
                str(tmp_path / "w"),
                "--idle-s",
                "600",
                "--slots",
                "2",
            )
        )
    )
    until(lambda: show(server, "first")["state"] == "done")
    metrics = "pilot_pool_waiting_claims 1"
    import urllib.request

    until(
        lambda: metrics
        in urllib.request.urlopen(server.url + "/metrics", timeout=10).read().decode()
    )
    began = steady()
    add(server, {"id": "second"})
    until(lambda: show(server, "second")["state"] == "done")
    assert steady() - began < 5  # a poll would have come after 15
    child.send_signal(signal.SIGUSR1)
    assert child.wait(timeout=60) == 0


def test_an_end_is_reported_while_another_claim_waits(server, start_pilot, tmp_path):
    add(server, {"id": "short", "script": "while ! test -e %s/go; do sleep 0.05; done" % tmp_path})
    child = start_pilot(
        *(
            PLAN
            + (
                "--pool",
                server.url,
                "--workdir",
                str(tmp_path / "w"),
                "--slots",
                "2",
                "--idle-s",
                "600",
            )
        )
    )
    import urllib.request

    until(
        lambda: "pilot_pool_waiting_claims 1"
        in urllib.request.urlopen(server.url + "/metrics", timeout=10).read().decode()
    )
    (tmp_path / "go").write_text("")
    began = steady()
    until(lambda: show(server, "short")["state"] == "done")
    assert steady() - began < 5
    child.terminate()
    assert child.wait(timeout=60) == 143


@pytest.mark.slow
def test_a_server_that_hangs_does_not_hold_up_the_pilots_end(server, start_pilot, tmp_path):
    add(server, {"id": "a", "script": sleeper(tmp_path)})
    child = start_pilot(
        *(PLAN + ("--pool", server.url, "--events", server.url, "--workdir", str(tmp_path / "w")))
    )
    payload = started(tmp_path)
    server.child.send_signal(signal.SIGSTOP)
    try:
        began = steady()
        child.terminate()
        assert child.wait(timeout=60) == 143
        assert steady() - began < 8
        assert gone(payload)
    finally:
        server.child.send_signal(signal.SIGCONT)
    assert "could not be reported" in (tmp_path / "w" / "pilot.log").read_text()
    assert json.loads((tmp_path / "w" / "pilot-report.json").read_text())["events_lost"]
