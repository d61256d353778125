"""The old names, as communities' modules import and use them."""

import importlib
import json
import types

import pytest

from pilot.errors import ConfigurationFailed
from tests.conftest import extension
from tests.grid_proxy import proxy_with

cfg = extension("pilot_dirac.cfg")
faces = extension("pilot_dirac.faces")


def test_old_names_are_all_there():
    faces.install_faces()
    tools = importlib.import_module("pilotTools")
    commands = importlib.import_module("Pilot.pilotCommands")
    assert not [
        name
        for name in (
            "CommandBase Logger RemoteLogger PilotParams getCommand getSubmitterInfo getFlavour "
            "retrieveUrlTimeout safe_listdir sendMessage parseVersion pythonPathCheck "
            "load_module_from_path FixedSizeBuffer ObjectLoader"
        ).split()
        if not hasattr(tools, name)
    ]
    assert commands.ConfigureDIRAC is commands.ConfigureBasics
    assert commands.CommandBase is tools.CommandBase
    assert commands.logFinalizer(len) is len
    assert tools.parseVersion("9.12") == "9.12.0"
    assert tools.parseVersion("v9r12p3") == "9.12.3"
    assert tools.parseVersion("v9r1") == "9.1.0"
    loader = tools.ObjectLoader([""], None)
    found, where = loader.loadObject("json", "decoder", "JSONDecoder")
    assert found is json.JSONDecoder
    assert where.endswith("/json/decoder")
    assert loader.loadObject("json", "no_such", "X") == (None, None)
    assert loader.loadObject("json", "decoder", "NoSuch") == (None, None)
    assert "passwd" in tools.safe_listdir("/etc")
    assert tools.safe_listdir("/no/such") == []
    with pytest.raises(Exception, match="Timeout"):
        tools.alarmTimeoutHandler(14, None)


def test_a_file_is_fetched_verified_or_not_at_all(tmp_path):
    log = extension("pilot_dirac.log").Logger()
    (tmp_path / "there").write_text("x")
    assert faces.retrieveUrlTimeout("file://%s" % (tmp_path / "there"), str(tmp_path / "copy"), log)
    assert (tmp_path / "copy").read_text() == "x"
    assert not faces.retrieveUrlTimeout("http://127.0.0.1:1/x", str(tmp_path / "none"), log, 2)
    assert not (tmp_path / "none").exists()


MORE = """
import os
import sys
from pilotTools import CommandBase, Logger, RemoteLogger, getCommand, parseVersion
from pilotCommands import ConfigureBasics, InstallDIRAC, LaunchAgent
from proxyTools import getVO


class Own(CommandBase):
    def _installDIRAC(self):
        self.installOpts = ["mine"]
        return self.installOpts

    def execute(self):
        os.environ["MINE"] = "by os.environ"
        shell = "echo $MINE; echo $DIRAC_RC_PATH; env | grep -c PILOT_PILOT_SECRET"
        code, out = self.executeAndGetOutput(shell)
        self.log.info(out.replace("\\n", "|"), header=False)
        probes = type(getCommand(self.pp, "NagiosProbes")[0]).__name__
        self.log.info("%s %s %s" % (self._installDIRAC(), parseVersion("7.2.1", True), probes))
        Logger("X", debugFlag=True, pilotOutput="f").info("kept")
        RemoteLogger("https://x", "Pilot", pilotUUID="x").info("kept too")
        counts = (int(self.pp.jobCPUReq), self.pp.pilotProcessors)
        self.log.info("opts %r cpu %d procs %d" % ((self.pp.optList[-3:],) + counts))


class Stubborn(CommandBase):
    def execute(self):
        try:
            self.exitWithError(5)
        except Exception:
            self.log.error("swallowed")


class Changes(CommandBase):
    def execute(self):
        self.pp.installEnv["FOO_X"] = "community"
        self.pp.installEnv["PATH"] = "/community/bin:" + self.pp.installEnv["PATH"]


class Slow(LaunchAgent):
    def execute(self):
        self.executeAndGetOutput("sleep 2")


class Basics(ConfigureBasics):
    def execute(self):
        self.cfg.append("-o /LocalSite/Mine=1")
        super(Basics, self).execute()
"""


def test_the_interface_has_all_that_modules_use(modules_flight, client):
    ended = modules_flight(
        "-X",
        "InstallDIRAC,Own",
        "-T",
        "2592000",
        "-o",
        "/A=1",
        "-d",
        "--pilotSecret",
        "x",
        More=MORE,
    )
    assert ended.code == 0, ended.out + ended.err
    assert "by os.environ|%s|0|" % (client.folder / "diracosrc") in ended.out
    assert "['mine'] v7r2p1 NagiosProbes" in ended.out
    assert "kept too" in ended.out
    assert "opts [('-T', '2592000'), ('-o', '/A=1'), ('-d', '')] cpu 2592000 procs 1" in ended.out


def test_an_exit_is_not_swallowed_by_a_handler_of_exceptions(modules_flight):
    ended = modules_flight("-X", "Stubborn,CheckWorkerNode", More=MORE)
    assert ended.code == 30
    assert "ERROR   Stubborn: swallowed" not in ended.out
    assert "code 5" in ended.out


def test_the_agent_gets_the_environment_as_the_community_made_it(modules_flight, client):
    client.env.write_text(client.env.read_text() + "export FOO_X=fromrc\nunset LD_LIBRARY_PATH\n")
    ended = modules_flight(
        "-X",
        "InstallDIRAC,Changes,LaunchAgent",
        "-x",
        "echo foo=$FOO_X first=${PATH%%:*} ld=[$LD_LIBRARY_PATH] id=[$PILOT_PILOT_ID]",
        "--userEnvVariables",
        "BAR:::user",
        More=MORE,
        env={"LD_LIBRARY_PATH": "/node/lib", "DIRAC_PILOT_STAMP": "abc"},
    )
    assert ended.code == 0, ended.out
    assert "foo=community first=/community/bin ld=[] id=[]" in ended.out, ended.out
    assert "unset LD_LIBRARY_PATH" in (ended.workdir / "bashrc").read_text()


def test_a_modules_program_has_the_modules_time(modules_flight):
    assert (
        modules_flight("-X", "InstallDIRAC,Slow", "--program-timeout-s", "1", More=MORE).code == 0
    )


def test_words_gathered_before_are_kept(modules_flight):
    ended = modules_flight("-X", "InstallDIRAC,Basics", More=MORE)
    assert cfg.parse_cfg((ended.workdir / "pilot.cfg").read_text())["LocalSite"]["Mine"] == "1"


def test_the_vo_of_a_proxys_text_is_found():
    assert faces.getVO(proxy_with("/dteam/Role=pilot")) == "dteam"


def test_a_proxy_without_a_vo_is_told():
    with pytest.raises(ConfigurationFailed, match="the proxy has no VOMS attributes"):
        faces.getVO(proxy_with(""))


def test_flavour_and_reference_come_from_the_environment(monkeypatch):
    for name in ("PBS_JOBID", "OAR_JOBID", "JOB_ID", "LSB_JOBID", "HTCONDOR_JOBID"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SLURM_JOB_ID", "12")
    assert faces.getFlavour("ce.test") == ("SSHSLURM", "sshslurm://ce.test/12")


def test_a_module_is_loaded_from_a_folder(tmp_path):
    (tmp_path / "somewhere_else.py").write_text("WHO = 'me'\n")
    assert faces.load_module_from_path("somewhere_else", str(tmp_path)).WHO == "me"


def test_a_module_is_loaded_from_a_file_as_by_diracs_pilot(tmp_path):
    (tmp_path / "any.py").write_text("WHO = 'me'\n")
    assert faces.load_module_from_path("another", str(tmp_path / "any.py")).WHO == "me"


def test_a_module_that_is_not_in_the_folder_is_an_error(tmp_path):
    with pytest.raises((ImportError, OSError)):
        faces.load_module_from_path("somewhere_else", str(tmp_path))


def test_a_command_that_nobody_has_is_none():
    faces.install_faces()
    pp = types.SimpleNamespace(commandExtensions=["NoSuchCommunity"])
    assert faces.getCommand(pp, "NoSuchCommand") == (None, "")


def test_a_fetch_that_fails_is_in_the_log(tmp_path):
    told = []
    log = types.SimpleNamespace(error=told.append)
    faces.retrieveUrlTimeout("file://%s/none" % tmp_path, str(tmp_path / "copy"), log, 2)
    assert "none" in told[0]
