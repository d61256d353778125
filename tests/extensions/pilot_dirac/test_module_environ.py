"""os.environ of communities' modules is DIRAC's environment."""

import os

import pytest

from tests.conftest import extension

module = extension("pilot_dirac.module_environ")

# in the shape of CTA's command, which reads the environment that DIRAC's script made
READS = """
import os
import subprocess
from pilotTools import CommandBase


class SetEnv(CommandBase):
    def execute(self):
        with open(os.path.join(self.pp.workingDir, "seen"), "w") as stream:
            stream.write(os.environ["DIRAC"] + "\\n")
        assert os.system("dirac-version") == 0
        subprocess.check_call(["dirac-version"])
        os.environ["SET_LATE"] = "late"
        self.pp.installEnv["X509_USER_PROXY"] = "/a/new/proxy"
"""
# in the shape of LHCb's historic ones
ASSIGNS = """
import os
from pilotCommands import InstallDIRAC
from pilotTools import CommandBase


class Early(CommandBase):
    def execute(self):
        os.environ["CMTCONFIG"] = "x86_64-el9"
        os.environ["PATH"] = "/community/bin:" + os.environ["PATH"]


class OwnInstall(InstallDIRAC):
    def execute(self):
        super().execute()
        os.environ["FROM_" + "INSTALL"] = os.environ["DIRAC"]
        self.pp.installEnv = os.environ
"""


def test_a_module_reads_diracs_environment_and_starts_its_programs(modules_flight, client):
    ended = modules_flight("-X", "InstallDIRAC,ConfigureBasics,SetEnv,LaunchAgent", Cta=READS)
    assert ended.code == 0, ended.out
    assert (ended.workdir / "seen").read_text() == "%s\n" % client.folder
    (agent,) = [environ for name, environ in client.environs() if name == "dirac-agent"]
    assert agent["SET_LATE"] == "late"
    assert agent["X509_USER_PROXY"] == "/a/new/proxy"
    (configure,) = [environ for name, environ in client.environs() if name == "dirac-configure"]
    assert "SET_LATE" not in configure


def test_what_a_module_sets_before_the_installation_arrives(modules_flight, client):
    ended = modules_flight("-X", "Early,OwnInstall,ConfigureBasics,LaunchAgent", Vo=ASSIGNS)
    assert ended.code == 0, ended.out
    seen = {name: environ for name, environ in client.environs()}
    for name in ("dirac-configure", "dirac-agent"):
        assert seen[name]["CMTCONFIG"] == "x86_64-el9"
        assert seen[name]["FROM_INSTALL"] == str(client.folder)
        path = seen[name]["PATH"].split(":")
        assert path.index(str(client.bin)) < path.index("/community/bin")


CONFIGURES = """
import os
from pilotCommands import ConfigureBasics, InstallDIRAC, LaunchAgent


class EarlyInstall(InstallDIRAC):
    def execute(self):
        os.environ["BEFORE_INSTALL"] = "1"
        super().execute()
        os.environ["PATH"] = "/community/bin:" + os.environ["PATH"]


class OwnAgent(LaunchAgent):
    def execute(self):
        os.environ["FOR_THE_AGENT"] = "1"
        super().execute()


class OwnBasics(ConfigureBasics):
    def execute(self):
        os.environ["X509_USER_PROXY"] = "/a/new/proxy"
        environ = self.pp.installEnv
        environ["OWN"] = "1"
        self.executeAndGetOutput("env >> shell_environ")
        environ["OWN"], os.environ["OWN"] = "2", "3"
        super().execute()
"""


def test_what_a_module_sets_reaches_the_programs_that_it_starts_then(modules_flight, client):
    ended = modules_flight("-X", "EarlyInstall,OwnBasics,OwnAgent", Vo=CONFIGURES)
    assert ended.code == 0, ended.out
    seen = {name: environ for name, environ in client.environs()}
    assert seen["dirac-version"]["BEFORE_INSTALL"] == "1"
    assert seen["dirac-agent"]["FOR_THE_AGENT"] == "1"
    configure = seen["dirac-configure"]
    assert configure["PATH"].startswith("/community/bin:%s" % client.bin)
    assert configure["X509_USER_PROXY"] == "/a/new/proxy"
    assert configure["OWN"] == "2"
    assert "OWN=1\n" in (ended.workdir / "shell_environ").read_text()


class Params:
    """What module_environ needs of the parameters."""

    def __init__(self):
        self.installEnv, self.module_changes = {"A": "1", "B": "2"}, {}
        self.module_environ = None


def test_the_pilots_own_environment_stays_clean(monkeypatch):
    monkeypatch.setenv("OURS", "x")
    before, pp = dict(os.environ), Params()
    with module.module_environ(pp):
        assert dict(os.environ) == {"A": "1", "B": "2"}
        os.environ["C"] = "3"
        del os.environ["A"]
    assert dict(os.environ) == before
    assert pp.installEnv == {"B": "2", "C": "3"}
    assert pp.module_changes == {"C": "3"}


@pytest.mark.parametrize(
    "environ, own, merged",
    [
        ({"A": "1"}, {"A": "1"}, {"A": "1"}),
        ({"A": "2"}, {"A": "1"}, {"A": "2"}),
        ({"A": "1"}, {"A": "3"}, {"A": "3"}),
        ({"A": "2"}, {"A": "3"}, {"A": "3"}),
        ({}, {"A": "1"}, {}),
        ({"A": "1"}, {}, {}),
        ({"A": "1", "B": "5"}, {"A": "1", "C": 6}, {"A": "1", "B": "5", "C": "6"}),
    ],
)
def test_changes_of_both_are_merged(environ, own, merged):
    assert module.merge_changes({"A": "1"}, environ, own) == merged
