"""DIRAC's ten commands with a client of small programs: the whole way, and the files."""

import os

from tests.conftest import extension
from tests.extensions.pilot_dirac.dirac_client import settings_of

dirac = extension("pilot_dirac")


def test_the_ten_commands_run_in_order_and_leave_diracs_files(flight, client):
    ended = flight()
    assert ended.code == 0, ended.out + ended.err
    assert [row["command"] for row in ended.report["commands"]] == list(dirac.USUAL_PLAN)
    assert all(row["status"] == "ok" for row in ended.report["commands"])
    found = settings_of(ended)["LocalSite"]
    assert {
        key: found[key]
        for key in (
            "Site",
            "GridCE",
            "CEQueue",
            "GridMiddleware",
            "Architecture",
            "CPUNormalizationFactor",
            "CPUTimeLeft",
            "MaxRAM",
            "Queue",
        )
    } == {
        "Site": "LCG.TEST.org",
        "GridCE": "ce.test",
        "CEQueue": "q1",
        "GridMiddleware": "DIRAC",
        "Architecture": "Linux_x86_64_glibc-2.36",
        "CPUNormalizationFactor": "20.0",
        "CPUTimeLeft": "144000",
        "MaxRAM": "2048",
        "Queue": "q1",
    }
    defaults = settings_of(ended)["Resources"]["Computing"]["CEDefaults"]
    assert int(defaults.pop("MemoryLimitMB")) <= 2048
    assert defaults == {
        "MaxRAM": "2048",
        "NumberOfProcessors": "2",
        "Tag": "GPU, MyTag",
        "RequiredTag": "special",
        "VirtualOrganization": "dteam",
    }
    assert os.path.realpath(str(ended.workdir / "etc" / "dirac.cfg")) == os.path.realpath(
        str(ended.workdir / "pilot.cfg")
    )
    assert "[LaunchAgent] " in (ended.workdir / "pilot.out").read_text()
    assert len(client.calls("dirac-configure")) == 1
    agent = client.calls("dirac-agent")[0]
    assert agent[0] == "WorkloadManagement/JobAgent"
    assert "MaxCycles=10" in agent
    assert "/LocalSite/CPUTime=144000" in agent
    assert agent[-2:] == ["--cfg", "pilot.cfg"]
    assert "1 jobs" in ended.report["facts"]["AgentSummary"]["reason"]
    assert ended.report["facts"]["Registration"]["registered_at"] == "PilotManager"
