"""Communities' modules written for DIRAC's pilot run as they are: one in each of the styles that
are in use."""

import importlib
import json
import os
import subprocess
import sys

import pytest

from tests.conftest import ROOT, extension, until
from tests.extensions.dirac_client import Client

cfg = extension("pilot_dirac.cfg")
# flat imports; a base class that sets parameters; several bases with cooperative super(); hooks of
# ConfigureBasics; a replaced installEnv
COOPERATIVE = '''
import os
from pilotCommands import ConfigureBasics, ConfigureArchitecture, InstallDIRAC
from pilotTools import CommandBase


class VoCommandBase(CommandBase):
    def __init__(self, pilotParams):
        super(VoCommandBase, self).__init__(pilotParams)
        pilotParams.architectureScript = "dirac-architecture"
        pilotParams.voSetting = 7


class VoInstallDIRAC(VoCommandBase, InstallDIRAC):
    def execute(self):
        super(VoInstallDIRAC, self).execute()
        env = {}
        for key, value in self.pp.installEnv.items():
            env[key] = value
        env["VO_WAS_HERE"] = "yes"
        self.pp.installEnv = env
        with open("environmentSourceVoDirac", "w") as stream:
            stream.write("export VO_WAS_HERE=yes\\n")


class VoConfigureBasics(VoCommandBase, ConfigureBasics):
    def _getBasicsCFG(self):
        super(VoConfigureBasics, self)._getBasicsCFG()
        self.cfg.append('-o "/LocalSite/VoOption=%s words"' % self.pp.voSetting)

    def _getSecurityCFG(self):
        self.cfg.append("-o /LocalSite/Secure=yes")
        super(VoConfigureBasics, self)._getSecurityCFG()


class VoConfigureArchitecture(VoCommandBase, ConfigureArchitecture):
    def execute(self):
        architecture = super(VoConfigureArchitecture, self).execute()
        self.log.info("the architecture is", architecture)
        return True
'''
# imports as a package; extra constructor arguments; a shell string; words for the log; no super()
# at all
PLAIN = '''
from Pilot.pilotTools import CommandBase, Logger, parseVersion, safe_listdir
from Pilot import pilotCommands


class Probe(CommandBase):
    def __init__(self, pilotParams):
        CommandBase.__init__(self, pilotParams, "Probe")
        self.log.setDebug() if self.debugFlag else None

    def execute(self):
        code, out = self.executeAndGetOutput("echo \\"$DIRAC\\" | tr a-z A-Z; echo problem >&2; exit 3", self.pp.installEnv)
        self.log.warn("code", code)
        self.log.error("said: " + out.strip())
        if "hard" in self.pp.commandOptions:
            self.exitWithError(77)
        self.pp.installEnv["SEEN"] = str(code)


class NoBase(object):
    def __init__(self, pp):
        self.pp = pp

    def execute(self):
        self.pp.logger.info("release %s of %s" % (parseVersion(self.pp.releaseVersion), self.pp.ceName))


class CheckWorkerNode(CommandBase):
    """Ours instead of DIRAC's, without being one."""

    def execute(self):
        self.log.info("nothing is checked")


class Leave(CommandBase):
    def execute(self):
        import sys
        sys.exit(0)


class Fall(CommandBase):
    def execute(self):
        raise RuntimeError("what now")


class Fork(CommandBase):
    def execute(self):
        pid = self.forkAndExecute("sleep 97 & echo $!; echo forked; sleep 97", "fork.log", self.pp.installEnv)
        while "forked" not in open("fork.log").read():
            pass
        self.log.info("pid", pid)
'''


@pytest.fixture
def flight(pilot, tmp_path):
    client = Client(tmp_path)
    work = tmp_path / "work"
    work.mkdir()

    Client.again = client

    def run(*words, env=None, **modules):
        for name, text in modules.items():
            (work / (name + "Commands.py")).write_text(text)
        ended = pilot(
            "-E",
            ",".join(list(modules) + ["dirac"]),
            "-n",
            "site",
            "-N",
            "ce.test",
            "-Q",
            "q1",
            "--preinstalledEnv",
            client.env,
            "--cpu-power",
            "20",
            *words,
            cwd=str(work),
            workdir=None,
            env=dict(os.environ, **(env or {})),
        )
        ended.client = client
        return ended
    return run


def test_cooperative_classes_with_hooks_and_an_environment_of_their_own(flight):
    ended = flight(
        "-X",
        "CheckWorkerNode,VoInstallDIRAC,VoConfigureBasics,CheckCECapabilities,VoConfigureArchitecture,LaunchAgent",
        "-x",
        "echo was=$VO_WAS_HERE",
        Vo=COOPERATIVE,
    )
    assert ended.code == 0, ended.out + ended.err
    found = cfg.parse_cfg((ended.workdir / "pilot.cfg").read_text())["LocalSite"]
    assert (
        found["VoOption"] == "7 words"
        and found["Secure"] == "yes"
        and found["Architecture"] == "x86_64-el9"
    )
    assert (
        "was=yes" in ended.err
        and "the architecture is x86_64-el9" in ended.err
        and (ended.workdir / "environmentSourceVoDirac").exists()
    )
    story = [
        json.loads(line) for line in (ended.workdir / "pilot-events.jsonl").read_text().splitlines()
    ]
    told = {event["kind"]: event["command"] for event in story if event["event"] == "fact found"}
    assert (
        told["Installation"] == "VoInstallDIRAC"
        and told["Configuration"] == "VoConfigureBasics"
        and told["WorkerNode"] == "CheckWorkerNode"
    )


def test_plain_classes_package_imports_and_shell_text(flight):
    ended = flight("-X", "CheckWorkerNode,InstallDIRAC,Probe,NoBase", "-r", "v9r1", Plain=PLAIN)
    assert ended.code == 0, ended.out + ended.err
    assert (
        "nothing is checked" in ended.err
        and "code 3" in ended.err
        and "said: %s" % str(ended.client.folder).upper() in ended.err
        and "release 9.1.0 of ce.test" in ended.err
    )


def test_an_exit_with_error_has_our_code_and_names_theirs(flight):
    ended = flight("-X", "InstallDIRAC,Probe,NoBase", "-Z", "hard=1", Plain=PLAIN)
    assert ended.code == 30 and "code 77" in ended.out and ended.status("NoBase") == "skipped"


def test_an_exit_with_zero_ends_the_pilot_well(flight):
    ended = flight("-X", "Leave,NoBase", Plain=PLAIN)
    assert (
        ended.code == 0
        and ended.status("Leave") == "ok"
        and ended.status("NoBase") == "skipped"
        and "Leave has ended the pilot" in ended.out
    )


def test_an_exception_is_told_with_its_traceback(flight):
    ended = flight("-X", "Fall", Plain=PLAIN)
    assert (
        ended.code == 1
        and "what now" in ended.err
        and "PlainCommands.py" in (ended.workdir / "pilot.out").read_text()
    )


def test_what_was_forked_ends_with_the_pilot(flight):
    ended = flight("-X", "InstallDIRAC,Fork", Plain=PLAIN)
    assert ended.code == 0
    for pid in (
        ended.err.split("pid ")[-1].split()[0],
        (ended.workdir / "fork.log").read_text().split()[0],
    ):
        until(lambda: not alive(pid), 5, "the end of %s" % pid)


def alive(pid):
    """Whether a process runs; one that nobody has taken notice of is dead all the same."""
    try:
        with open("/proc/%s/stat" % pid) as stream:
            return stream.read().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def test_the_first_extension_wins_and_dirac_comes_last(flight):
    first = "from pilotTools import CommandBase\n\n\nclass NoBase(CommandBase):\n    def execute(self):\n        self.log.info('the first one')\n"
    ended = flight("-X", "NoBase", First=first, Plain=PLAIN)
    assert "the first one" in ended.err


@pytest.mark.parametrize(
    "text, words",
    [
        ("import nowhere\n", ["BadCommands.py, line 1", "No module named 'nowhere'"]),
        ("x = (\n", ["BadCommands.py, line", "SyntaxError"]),
        ("print 'two'\n", ["BadCommands.py, line 1", "SyntaxError"]),
        ("\n\n1 / 0\n", ["BadCommands.py, line 3", "ZeroDivisionError"]),
        ("X = 1\n", ["has no class with execute()"]),
        (
            "from pilotTools import CommandBase\n\n\nclass A(CommandBase):\n    def execute(self):\n        self._setInstallOptions()\n",
            ["BadCommands.py, line 6", "_setInstallOptions", "Pilot 2"],
        ),
        ("import sys\nsys.exit(3)\n", ["BadCommands.py", "ends the program while it is imported"]),
    ],
)
def test_a_module_that_cannot_be_used_is_told_with_file_line_and_reason(flight, text, words):
    ended = flight("-X", "CheckWorkerNode", Bad=text)
    assert ended.code == 2 and not [word for word in words if word not in ended.err], ended.err


def test_a_name_without_a_module_is_told_and_diracs_commands_are_used(pilot):
    ended = pilot("-E", "Nobody,dirac", "-X", "CheckWorkerNode")
    assert ended.code == 0 and "-E Nobody: nothing bears that name" in ended.err
    ended = pilot("-E", "Nobody,dirac", "-X", "CheckWorkerNode,NobodysOwn")
    assert ended.code == 2 and "unknown command 'NobodysOwn'" in ended.err
    assert pilot("-E", "Nobody", "-X", "CheckWorkerNode").code == 2


SHELL = '''
from pilotTools import CommandBase


class Say(CommandBase):
    def execute(self):
        code, out = self.executeAndGetOutput("%s")
        with open("said", "wb") as stream:
            stream.write(("%%d %%s" %% (code, out)).encode("utf-8"))
'''


@pytest.mark.parametrize(
    "shell, expected",
    [
        ("exec 2>&-; sleep 0.3; echo hello", b"0 hello\n"),
        ("exec 2>&-; head -c 200000 /dev/zero | tr '\\\\0' x", b"0 " + b"x" * 200000),
        ("(sleep 60 &) ; echo early", b"0 early\n"),
        ("printf 'caf\\\\303\\\\251\\\\n'", "0 caf\u00e9\n".encode()),
        ("kill -9 $$", b"-9 "),
    ],
    ids=["closes stderr", "floods with stderr closed", "leaves a grandchild", "utf-8", "killed"],
)
def test_nothing_of_a_programs_output_is_lost_and_nothing_blocks(flight, shell, expected):
    ended = flight("-X", "InstallDIRAC,Say", S=SHELL % shell)
    assert ended.code == 0, ended.out + ended.err
    assert (ended.workdir / "said").read_bytes() == expected


def test_old_names_are_all_there():
    faces = importlib.import_module("pilot_dirac.faces")
    faces.install_faces()
    tools, commands = importlib.import_module("pilotTools"), importlib.import_module(
        "Pilot.pilotCommands"
    )
    assert not [
        name
        for name in (
            "CommandBase Logger RemoteLogger PilotParams getCommand getSubmitterInfo getFlavour retrieveUrlTimeout safe_listdir sendMessage parseVersion pythonPathCheck "
            "load_module_from_path FixedSizeBuffer ObjectLoader"
        ).split()
        if not hasattr(tools, name)
    ]
    assert (
        commands.ConfigureDIRAC is commands.ConfigureBasics
        and commands.CommandBase is tools.CommandBase
        and commands.logFinalizer(len) is len
    )
    assert (
        tools.parseVersion("9.12") == "9.12"
        and tools.parseVersion("v9r12p3") == "9.12.3"
        and tools.parseVersion("v9r1") == "9.1.0"
    )
    assert tools.ObjectLoader.loadObject("json", "dumps") is importlib.import_module("json").dumps
    assert "passwd" in tools.safe_listdir("/etc") and tools.safe_listdir("/no/such") == []
    buffer = tools.FixedSizeBuffer(2)
    buffer.write("a\nb\nc\n")
    assert buffer.getValue() == "b\nc"


def test_a_file_is_fetched_verified_or_not_at_all(tmp_path):
    faces = importlib.import_module("pilot_dirac.faces")
    log = importlib.import_module("pilot_dirac.log").Logger()
    (tmp_path / "there").write_text("x")
    assert (
        faces.retrieveUrlTimeout("file://%s" % (tmp_path / "there"), str(tmp_path / "copy"), log)
        and (tmp_path / "copy").read_text() == "x"
    )
    assert (
        not faces.retrieveUrlTimeout("http://127.0.0.1:1/x", str(tmp_path / "none"), log, 2)
        and not (tmp_path / "none").exists()
    )


MORE = '''
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
        code, out = self.executeAndGetOutput("echo $MINE; echo $DIRAC_RC_PATH; env | grep -c PILOT_PILOT_SECRET")
        self.log.info(out.replace("\\n", "|"), header=False)
        self.log.info(str(self._installDIRAC()) + " " + parseVersion("7.2.1", True) + " " + type(getCommand(self.pp, "NagiosProbes")[0]).__name__)
        Logger("X", debugFlag=True, pilotOutput="f").info("kept")
        RemoteLogger("https://x", "Pilot", pilotUUID="x").info("kept too")
        self.log.info("opts %r cpu %d procs %d" % (self.pp.optList[-3:], int(self.pp.jobCPUReq), self.pp.pilotProcessors))


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
'''


def test_the_interface_has_all_that_modules_use(flight):
    ended = flight(
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
    assert (
        "by os.environ|%s|0|" % (ended.client.folder / "diracosrc") in ended.err
        and "['mine'] v7r2p1 NagiosProbes" in ended.err
        and "kept too" in ended.err
    )
    assert "opts [('-T', '2592000'), ('-o', '/A=1'), ('-d', '')] cpu 2592000 procs 1" in ended.err


def test_an_exit_is_not_swallowed_by_a_handler_of_exceptions(flight):
    ended = flight("-X", "Stubborn,CheckWorkerNode", More=MORE)
    assert ended.code == 30 and "swallowed" not in ended.err and "code 5" in ended.out


def test_the_agent_gets_the_environment_as_the_community_made_it(flight):
    flight("-X", "CheckWorkerNode", More=MORE)
    client = Client.again
    client.env.write_text(client.env.read_text() + "export FOO_X=fromrc\nunset LD_LIBRARY_PATH\n")
    ended = flight(
        "-X",
        "InstallDIRAC,Changes,LaunchAgent",
        "-x",
        "echo foo=$FOO_X first=${PATH%%:*} ld=[$LD_LIBRARY_PATH] id=[$PILOT_PILOT_ID]",
        "--userEnvVariables",
        "BAR:::user",
        More=MORE,
        env={"LD_LIBRARY_PATH": "/node/lib", "DIRAC_PILOT_STAMP": "abc"},
    )
    assert (
        ended.code == 0 and "foo=community first=/community/bin ld=[] id=[]" in ended.err
    ), ended.err
    assert "unset LD_LIBRARY_PATH" in (ended.workdir / "bashrc").read_text()


def test_a_modules_program_has_the_modules_time(flight):
    assert flight("-X", "InstallDIRAC,Slow", "--program-timeout-s", "1", More=MORE).code == 0


def test_words_gathered_before_are_kept(flight):
    ended = flight("-X", "InstallDIRAC,Basics", More=MORE)
    assert cfg.parse_cfg((ended.workdir / "pilot.cfg").read_text())["LocalSite"]["Mine"] == "1"


def test_modules_beside_the_pilot_are_found_from_anywhere(tmp_path):
    place, elsewhere = tmp_path / "place", tmp_path / "elsewhere"
    place.mkdir()
    elsewhere.mkdir()
    subprocess.check_call(
        [
            sys.executable,
            "-m",
            "pilot.bundle",
            "--text",
            "--lean",
            "--extension",
            "extensions/pilot_dirac",
            "--defaults",
            "extensions/pilot_dirac/defaults.json",
            "-o",
            str(place / "dirac-pilot.py"),
        ],
        cwd=str(ROOT),
        stdout=subprocess.DEVNULL,
    )
    (place / "FooCommands.py").write_text(
        "from pilotTools import CommandBase\n\n\nclass Foo(CommandBase):\n    def execute(self):\n        self.log.info('foo was here')\n"
    )
    done = subprocess.run(
        [sys.executable, str(place / "dirac-pilot.py"), "-E", "Foo", "-X", "Foo"],
        cwd=str(elsewhere),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    assert done.returncode == 0 and b"foo was here" in done.stdout


def test_only_the_extensions_of_the_own_vo_are_loaded(pilot, tmp_path):
    (tmp_path / "GoneCommands.py").write_text("open('gone-was-run', 'w')\n")
    (tmp_path / "FooCommands.py").write_text(
        "from pilotTools import CommandBase\n\n\nclass Foo(CommandBase):\n    def execute(self):\n        pass\n"
    )
    (tmp_path / "pilot.json").write_text(
        json.dumps(
            {
                "ConfigurationServers": [],
                "Defaults": {"Pilot": {"CommandExtensions": "Gone", "Commands": "GetPilotVersion"}},
                "dteam": {"Pilot": {"CommandExtensions": "Foo,dirac", "Commands": "Foo"}},
            }
        )
    )
    ended = pilot("-E", "dirac", "--wnVO", "dteam", "-X", "GetPilotVersion")
    assert ended.code == 0 and not (tmp_path / "gone-was-run").exists(), ended.err
