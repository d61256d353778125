import json

import pytest

from commands.register_pilot import RegisterPilot, make_reference
from pilot.facts import BatchJob, Registration
from pilot.testing import run_command, worker_node as node
from tests.base.test_fetch import Server


@pytest.fixture
def server():
    one = Server()
    yield one
    one.close()


@pytest.mark.parametrize(
    "job, expected",
    [
        (BatchJob("Slurm", "7"), "slurm://ce1/7"),
        (BatchJob("ARC", "https://arc/jobs/x"), "https://arc/jobs/x"),
        (BatchJob("local", "1"), "local://ce1/p1"),
        (BatchJob("HTCondor", "12.0"), "htcondor://ce1/12.0"),
    ],
)
def test_the_reference_names_system_place_and_job(job, expected):
    assert make_reference(job, "ce1", "p1") == expected


def test_without_a_server_only_the_reference_is_found(tmp_path):
    assert run_command(RegisterPilot, tmp_path, {"reference": "given"}, [node()]).fact(
        Registration
    ) == ("given", "local", "")


def test_the_pilot_is_registered_with_its_token(tmp_path, server):
    server.replies = [(200, b"", None)]
    trial = run_command(
        RegisterPilot,
        tmp_path,
        {"register_url": server.url, "register_token": "hunter22", "site": "S"},
        [node()],
    )
    sent = json.loads(server.seen[0][2].decode())
    assert trial.outcome.status == "ok" and trial.fact(Registration).registered_at == server.url
    assert sent["pilot"] == "test-pilot"
    assert sent["site"] == "S"
    assert "hunter22" not in str(sent) + str(trial.events)


def test_a_server_that_refuses_is_no_end_unless_asked(tmp_path, server):
    server.replies = [(403, b"", None)]
    settings = {"register_url": server.url}
    assert run_command(RegisterPilot, tmp_path, settings, [node()]).outcome.status == "ok"
    outcome = run_command(
        RegisterPilot, tmp_path, dict(settings, register_required=True), [node()]
    ).outcome
    assert outcome.exit_code == 50 and "HTTP 403" in outcome.reason
