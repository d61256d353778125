"""DIRAC's JobAgent: its command line, and how it ends."""

import json
import os
import signal
import time

import pytest

from tests.conftest import until
from tests.extensions.pilot_dirac.dirac_client import NINE
from tests.test_deadline import SLOT_S, SOURCES


def test_an_inner_pool_takes_many_jobs(flight, client):
    assert flight("-y", "Pool/Singularity", "-X", NINE + ",LaunchAgent").code == 0
    words = client.calls("dirac-agent")[0]
    assert {
        "MaxCycles=5000",
        "PollingTime=20",
        "StopOnApplicationFailure=False",
        "StopAfterFailedMatches=10",
        "FillingModeFlag=True",
    } <= set(words)


def test_a_bad_end_of_the_agent_is_told(flight, client):
    client.say(dirac_agent={"code": 3, "out": "Cannot start\n"})
    ended = flight("-X", "InstallDIRAC,LaunchAgent")
    assert ended.code == 40
    assert "dirac-agent ended with 3: Cannot start" in ended.out


def test_execute_runs_in_diracs_environment_by_bash(flight, client):
    ended = flight(
        "-X",
        "InstallDIRAC,LaunchAgent",
        "-x",
        'source /dev/null; [[ -n $DIRAC ]] && echo in "$DIRAC"',
    )
    assert ended.code == 0
    assert "in %s" % client.folder in ended.out
    assert flight("-X", "InstallDIRAC,LaunchAgent", "-x", "kill -9 $$").code == 40


def test_a_stop_ends_what_runs_and_writes_the_report(start_pilot, client, tmp_path):
    client.say(dirac_agent={"out": "began\n", "hangs": True})
    child = start_pilot(
        "-E",
        "dirac",
        "--preinstalledEnv",
        str(client.env),
        "-X",
        "InstallDIRAC,LaunchAgent",
        "--workdir",
        "w",
    )
    until((client.bin / "hanging").exists, what="the agent")
    child.send_signal(signal.SIGTERM)
    assert child.wait(10) == 143
    hanging = (client.bin / "hanging").read_text()
    until(lambda: not os.path.exists("/proc/%s" % hanging), what="the agent's end")
    assert json.loads((tmp_path / "w" / "pilot-report.json").read_text())["exit_code"] == 143


@pytest.mark.slow
@pytest.mark.parametrize("command", ["LaunchAgent", "MultiLaunchAgent"])
@pytest.mark.parametrize("source", SOURCES)
def test_a_job_agent_ends_with_its_slot(pilot, slot, client, tmp_path, source, command):
    client.say(dirac_agent={"out": "began\n", "hangs": True})
    moment = int(time.time()) + SLOT_S
    variables, more = slot(source, moment)
    ended = pilot(
        "-E",
        "dirac",
        "--preinstalledEnv",
        client.env,
        "-X",
        "InstallDIRAC," + command,
        *more,
        env=dict(os.environ, **variables),
    )
    assert ended.code == 60, ended.out
    assert time.time() < moment + 2, ended.out
    assert "the slot's end by" in ended.report["commands"][-1]["reason"]
    assert (client.bin / "hanging").exists()


@pytest.mark.parametrize("how", ["SIGUSR1", "a file"])
def test_asked_to_drain_the_agent_finds_its_stop_file(start_pilot, client, tmp_path, how):
    client.say(dirac_agent={"out": "began\n", "hangs": True})
    child = start_pilot(
        "-E",
        "dirac",
        "--preinstalledEnv",
        str(client.env),
        "-X",
        "InstallDIRAC,LaunchAgent",
        "--workdir",
        "w",
        "--drain-files",
        str(tmp_path / "drain"),
    )
    until((client.bin / "hanging").exists, what="the agent")
    if how == "a file":
        (tmp_path / "drain").write_text("")
    else:
        child.send_signal(signal.SIGUSR1)
    until(
        (tmp_path / "w/control/WorkloadManagement/JobAgent/stop_agent").exists, what="the stop file"
    )
    assert child.poll() is None


def test_the_output_of_another_program_is_passed_on_as_it_is(flight):
    ended = flight("-X", "InstallDIRAC,LaunchAgent", "-x", "echo plain; echo other >&2; echo $DIRAC")
    lines = ended.out.splitlines()
    assert "plain" in lines
    assert "other" in ended.err.splitlines()
    assert "plain" in (ended.workdir / "pilot.log").read_text()


def test_the_log_is_on_standard_output_and_the_summary_is_last(flight):
    ended = flight()
    assert ended.code == 0, ended.out
    assert ended.err == ""
    assert "INFO    InstallDIRAC: ok after" in ended.out
    assert ended.out.index("Exit code 0 after") > ended.out.index("LaunchAgent: ok after")


def test_a_secret_in_the_output_of_another_program_is_masked(flight):
    ended = flight("-X", "LaunchAgent", "-x", "echo a-long-secret", "--pilotSecret", "a-long-secret")
    assert "a-long-secret" not in ended.out
    assert "********" in ended.out.splitlines()
