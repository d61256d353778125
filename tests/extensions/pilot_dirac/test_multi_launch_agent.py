"""A JobAgent for each processor, and the shutdown_message they leave."""

import os
import signal

import pytest

from tests.conftest import until


def test_many_agents_share_a_slot(flight, client):
    ended = flight("-X", "InstallDIRAC,MultiLaunchAgent", "-P", "3")
    assert ended.code == 0
    assert len(client.calls("dirac-agent")) == 3
    assert "Job being submitted" in (ended.workdir / "jobagent.02.log").read_text()
    assert (ended.workdir / "shutdown_message").read_text() == "200 Intended work completed ok"
    assert {
        word
        for words in client.calls("dirac-agent")
        for word in words
        if word.startswith("/LocalSite/InstancePath")
    } == {"/LocalSite/InstancePath=%s/agent.0%d" % (ended.workdir, number) for number in range(3)}


@pytest.mark.parametrize(
    "told, code, message", [({"out": "no match\n"}, 0, "300"), ({"code": 1}, 40, "700")]
)
def test_vac_is_told_how_many_agents_ended(flight, client, told, code, message):
    client.say(dirac_agent=told)
    ended = flight("-X", "InstallDIRAC,MultiLaunchAgent", "-P", "2")
    assert ended.code == code
    assert (ended.workdir / "shutdown_message").read_text().startswith(message + " ")


@pytest.mark.slow
def test_the_time_that_is_over_is_no_shutdown_by_the_host(flight, client):
    client.say(dirac_agent={"out": "began\n", "hangs": True})
    ended = flight("-X", "InstallDIRAC,MultiLaunchAgent", "-P", "1", "--max-walltime", "3")
    assert ended.code == 60
    assert (ended.workdir / "shutdown_message").read_text().startswith("200 ")


@pytest.mark.slow
def test_many_agents_are_stopped_together(start_pilot, client, tmp_path):
    client.say(dirac_agent={"out": "began\n", "hangs": "for good"})
    child = start_pilot(
        "-E",
        "dirac",
        "--preinstalledEnv",
        str(client.env),
        "-X",
        "InstallDIRAC,MultiLaunchAgent",
        "-P",
        "2",
        "--workdir",
        "w",
    )
    until(lambda: len(client.calls("dirac-agent")) == 2, what="both agents")
    until((client.bin / "hanging").exists, what="an agent that hangs")
    child.send_signal(signal.SIGTERM)
    assert child.wait(15) == 143
    assert (tmp_path / "w" / "shutdown_message").read_text().startswith("100 ")
    mine = str(client.bin).encode()
    until(lambda: not [line for line in running() if mine in line], what="the agents' end")


def running():
    """The command lines of all processes."""
    found = []
    for name in os.listdir("/proc"):
        try:
            with open("/proc/%s/cmdline" % name, "rb") as stream:
                found.append(stream.read())
        except OSError:
            pass
    return found


def test_each_agent_has_the_pilots_configuration(flight, client):
    ended = flight("-X", "InstallDIRAC,ConfigureBasics,MultiLaunchAgent", "-P", "2")
    path = str(ended.workdir / "pilot.cfg")
    assert [words[-2:] for words in client.calls("dirac-agent")] == [["--cfg", path]] * 2


def test_the_jobs_of_all_agents_are_counted(flight, client):
    ended = flight("-X", "InstallDIRAC,MultiLaunchAgent", "-P", "2")
    summary = ended.report["facts"]["AgentSummary"]
    assert summary["reason"] == "2 JobAgents ended well; they took 2 jobs"


def test_without_a_number_there_is_an_agent_for_each_processor_of_the_slot(
    flight, client, tmp_path
):
    (tmp_path / "allocated_cpu").write_text("2")
    environ = dict(os.environ, JOBFEATURES=str(tmp_path))
    flight("-X", "InstallDIRAC,MultiLaunchAgent", env=environ)
    assert len(client.calls("dirac-agent")) == 2
