"""Modules in the shape of those that communities have published, written for DIRAC's pilot and run as they
are. CTA's and LHCb's ways with the environment are in test_module_environ.py."""

import subprocess

import pytest

from tests.conftest import extension
from tests.extensions.pilot_dirac.dirac_client import settings_of

params = extension("pilot_dirac.params")

GREEN = {
    "the logger of the parameters": """
from pilotCommands import CommandBase


class GreenHello(CommandBase):
    def __init__(self, pilotParams):
        CommandBase.__init__(self, pilotParams)
        self.log = self.pp.logger

    def execute(self):
        self.log.info("hello from green")
        return 0
""",
    "a name for the constructor, and print": """
import traceback
from pilotTools import CommandBase


class GreenHello(CommandBase):
    def __init__(self, pilotParams):
        try:
            CommandBase.__init__(self, pilotParams, "GreenHello")
        except Exception:
            traceback.print_exc()
            raise

    def execute(self):
        print("hello from green")
        return 0
""",
    "the package Pilot": """
try:
    from Pilot.pilotTools import CommandBase
except ImportError:
    from pilotTools import CommandBase


class GreenHello(CommandBase):
    def __init__(self, pilotParams):
        super(GreenHello, self).__init__(pilotParams)

    def execute(self):
        self.log.info("hello from green")
        return True
""",
}
GIT = """
import os
import sys
from pilotCommands import InstallDIRAC


class GitInstallDIRAC(InstallDIRAC):
    def __init__(self, pilotParams):
        InstallDIRAC.__init__(self, pilotParams)

    def execute(self):
        url, branch = self.pp.commandOptions["url"], self.pp.commandOptions["branch"]
        code, output = self.executeAndGetOutput("git clone -q --depth 1 -b %s %s code" % (branch, url))
        if code:
            self.log.error("Failed to clone: %s" % output)
            sys.exit(1)
        InstallDIRAC.execute(self)
        self.pp.installEnv["PYTHONPATH"] = os.path.join(os.getcwd(), "code")
"""
CTA = """
import os
from pilotCommands import ConfigureArchitecture, GetPilotVersion
from pilotTools import CommandBase


class CTACommandBase(CommandBase):
    def __init__(self, pilotParams):
        super(CTACommandBase, self).__init__(pilotParams)
        pilotParams.pilotCFGFile = "pilot.json"
        pilotParams.localConfigFile = "pilot.cfg"
        pilotParams.architectureScript = "dirac-architecture"


class CTAGetPilotVersion(CTACommandBase, GetPilotVersion):
    pass


class CTAConfigureArchitecture(CTACommandBase, ConfigureArchitecture):
    def execute(self):
        super(CTAConfigureArchitecture, self).execute()
        os.environ["CMTCONFIG"] = "x86_64-el9"
"""


@pytest.mark.parametrize("form", sorted(GREEN))
def test_greens_command_runs_in_each_of_its_forms(modules_flight, form):
    ended = modules_flight("-X", "GreenHello", Green=GREEN[form])
    assert ended.code == 0, ended.out
    assert "hello from green" in ended.out


def test_gridpps_code_comes_from_git_before_the_installation(modules_flight, client, tmp_path):
    repository = tmp_path / "code.git"
    subprocess.check_call(["git", "init", "-q", str(repository)])
    (repository / "ours.py").write_text("")
    who = ["-c", "user.name=t", "-c", "user.email=t@t"]
    for words in (["add", "."], who + ["commit", "-qm", "x"], ["branch", "special"]):
        subprocess.check_call(["git", "-C", str(repository)] + words)
    options = "url=file://%s,branch=special" % repository
    ended = modules_flight(
        "-X", "GitInstallDIRAC,ConfigureBasics,LaunchAgent", "-Z", options, GridPP=GIT
    )
    assert ended.code == 0, ended.out
    assert (ended.workdir / "code" / "ours.py").exists()
    seen = dict(client.environs())
    assert seen["dirac-configure"]["PYTHONPATH"] == str(ended.workdir / "code")
    assert seen["dirac-agent"]["PYTHONPATH"] == str(ended.workdir / "code")


def test_ctas_base_class_sets_parameters_for_all_its_commands(modules_flight, client):
    plan = "CTAGetPilotVersion,InstallDIRAC,ConfigureBasics,CTAConfigureArchitecture,LaunchAgent"
    ended = modules_flight("-X", plan, CTA=CTA)
    assert ended.code == 0, ended.out
    assert settings_of(ended)["LocalSite"]["Architecture"] == "x86_64-el9"
    assert dict(client.environs())["dirac-agent"]["CMTCONFIG"] == "x86_64-el9"


def test_upstreams_own_unit_test_of_the_parameters_passes(tmp_path, monkeypatch):
    """It puts an object that answers every index with the words in place of sys.argv."""

    class Words:
        def __getitem__(self, index):
            return ["-z", "-d", "-g", "dummyURL", "-F", str(tmp_path / "pilot.json")]

    (tmp_path / "pilot.json").write_text('{"ConfigurationServers": [], "CEs": {}}')
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", Words())
    pp = params.PilotParams()
    assert pp.pilotLogging is True
    assert pp.loggerURL == "dummyURL"
    assert pp.debugFlag is True
