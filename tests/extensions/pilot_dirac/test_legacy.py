"""Communities' modules written for DIRAC's pilot run as they are: one in each of the styles that
are in use."""

import json
import subprocess
import sys
import types

import pytest

from tests.conftest import ROOT, extension, until
from tests.extensions.pilot_dirac.dirac_client import A_MODULE

legacy = extension("pilot_dirac.legacy")
cfg = extension("pilot_dirac.cfg")


# flat imports; a base class that sets parameters; several bases with cooperative super(); hooks of
# ConfigureBasics; a replaced installEnv
COOPERATIVE = """
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
"""


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
        said = "echo \\"$DIRAC\\" | tr a-z A-Z; echo problem >&2; exit 3"
        code, out = self.executeAndGetOutput(said, self.pp.installEnv)
        self.log.warn("code", code)
        self.log.error("said: " + out.strip())
        if "hard" in self.pp.commandOptions:
            self.exitWithError(77)
        self.pp.installEnv["SEEN"] = str(code)


class NoBase(object):
    def __init__(self, pp):
        self.pp = pp

    def execute(self):
        release = parseVersion(self.pp.releaseVersion)
        self.pp.logger.info("release %s of %s" % (release, self.pp.ceName))


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
        shell = "sleep 97 & echo $!; echo forked; sleep 97"
        pid = self.forkAndExecute(shell, "fork.log", self.pp.installEnv)
        while "forked" not in open("fork.log").read():
            pass
        self.log.info("pid", pid)
'''


def test_cooperative_classes_with_hooks_and_an_environment_of_their_own(modules_flight):
    ended = modules_flight(
        "-X",
        "CheckWorkerNode,VoInstallDIRAC,VoConfigureBasics,CheckCECapabilities,"
        "VoConfigureArchitecture,LaunchAgent",
        "-x",
        "echo was=$VO_WAS_HERE",
        Vo=COOPERATIVE,
    )
    assert ended.code == 0, ended.out + ended.err
    found = cfg.parse_cfg((ended.workdir / "pilot.cfg").read_text())["LocalSite"]
    assert found["VoOption"] == "7 words"
    assert found["Secure"] == "yes"
    assert found["Architecture"] == "x86_64-el9"
    assert "was=yes" in ended.out
    assert "the architecture is x86_64-el9" in ended.out
    assert (ended.workdir / "environmentSourceVoDirac").exists()
    story = [
        json.loads(line) for line in (ended.workdir / "pilot-events.jsonl").read_text().splitlines()
    ]
    told = {event["kind"]: event["command"] for event in story if event["event"] == "fact found"}
    assert told["Installation"] == "VoInstallDIRAC"
    assert told["Configuration"] == "VoConfigureBasics"
    assert told["WorkerNode"] == "CheckWorkerNode"


def test_plain_classes_package_imports_and_shell_text(modules_flight, client):
    ended = modules_flight(
        "-X", "CheckWorkerNode,InstallDIRAC,Probe,NoBase", "-r", "v9r1", Plain=PLAIN
    )
    assert ended.code == 0, ended.out + ended.err
    assert "nothing is checked" in ended.out
    assert "code 3" in ended.out
    assert "said: %s" % str(client.folder).upper() in ended.out
    assert "release 9.1.0 of ce.test" in ended.out


def test_an_exit_with_error_has_our_code_and_names_theirs(modules_flight):
    ended = modules_flight("-X", "InstallDIRAC,Probe,NoBase", "-Z", "hard=1", Plain=PLAIN)
    assert ended.code == 30
    assert "code 77" in ended.out
    assert ended.status("NoBase") == "skipped"


def test_an_exit_with_zero_ends_the_pilot_well(modules_flight):
    ended = modules_flight("-X", "Leave,NoBase", Plain=PLAIN)
    assert ended.code == 0
    assert ended.status("Leave") == "ok"
    assert ended.status("NoBase") == "skipped"
    assert "Leave has ended the pilot" in ended.out


def test_an_exception_is_told_with_its_traceback(modules_flight):
    ended = modules_flight("-X", "Fall", Plain=PLAIN)
    assert ended.code == 1
    assert "what now" in ended.out
    assert "PlainCommands.py" in (ended.workdir / "pilot.out").read_text()


def test_what_was_forked_ends_with_the_pilot(modules_flight):
    ended = modules_flight("-X", "InstallDIRAC,Fork", Plain=PLAIN)
    assert ended.code == 0
    for pid in (
        ended.out.split("pid ")[-1].split()[0],
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


def test_the_first_extension_wins_and_dirac_comes_last(modules_flight):
    first = A_MODULE % ("NoBase", "self.log.info('the first one')")
    ended = modules_flight("-X", "NoBase", First=first, Plain=PLAIN)
    assert "the first one" in ended.out


@pytest.mark.parametrize(
    "text, words",
    [
        ("import nowhere\n", ["BadCommands.py, line 1", "No module named 'nowhere'"]),
        ("x = (\n", ["BadCommands.py, line", "SyntaxError"]),
        ("print 'two'\n", ["BadCommands.py, line 1", "SyntaxError"]),
        ("\n\n1 / 0\n", ["BadCommands.py, line 3", "ZeroDivisionError"]),
        ("X = 1\n", ["has no class with execute()"]),
        (
            A_MODULE % ("A", "self._setInstallOptions()"),
            ["BadCommands.py, line 6", "_setInstallOptions", "Pilot 2"],
        ),
        ("import sys\nsys.exit(3)\n", ["BadCommands.py", "ends the program while it is imported"]),
    ],
)
def test_a_module_that_cannot_be_used_is_told_with_file_line_and_reason(
    modules_flight, text, words
):
    ended = modules_flight("-X", "CheckWorkerNode", Bad=text)
    assert ended.code == 2, ended.err
    assert not [word for word in words if word not in ended.err], ended.err


def test_a_name_without_a_module_is_told_and_diracs_commands_are_used(pilot):
    ended = pilot("-E", "Nobody,dirac", "-X", "CheckWorkerNode")
    assert ended.code == 0
    assert "-E Nobody: no command has this name" in ended.out
    ended = pilot("-E", "Nobody,dirac", "-X", "CheckWorkerNode,NobodysOwn")
    assert ended.code == 2
    assert "unknown command 'NobodysOwn'" in ended.err
    assert pilot("-E", "Nobody", "-X", "CheckWorkerNode").code == 2


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
    (place / "FooCommands.py").write_text(A_MODULE % ("Foo", "self.log.info('foo was here')"))
    done = subprocess.run(
        [sys.executable, str(place / "dirac-pilot.py"), "-E", "Foo", "-X", "Foo"],
        cwd=str(elsewhere),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    assert done.returncode == 0
    assert b"foo was here" in done.stdout


def test_only_the_extensions_of_the_own_vo_are_loaded(pilot, tmp_path):
    (tmp_path / "GoneCommands.py").write_text("open('gone-was-run', 'w')\n")
    (tmp_path / "FooCommands.py").write_text(A_MODULE % ("Foo", "pass"))
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
    assert ended.code == 0, ended.out
    assert not (tmp_path / "gone-was-run").exists(), ended.out


def test_what_a_module_defines_itself_is_not_gone(tmp_path):
    path = tmp_path / "OwnCommands.py"
    path.write_text("class A:\n    def _installDIRAC(self):\n        self.gitRepos = 1\n\n")
    with path.open("a") as stream:
        stream.write("    def execute(self):\n        self._installDIRAC(self.gitRepos)\n")
    assert legacy.refuse_the_gone(str(path)) is None


def test_a_file_that_cannot_be_parsed_is_left_to_the_import(tmp_path):
    (tmp_path / "x.py").write_text("self.installOpts = (\n")
    assert legacy.refuse_the_gone(str(tmp_path / "x.py")) is None


def test_our_own_classes_are_not_commands_of_a_module():
    def execute(self):
        pass

    theirs = type("Theirs", (), {"execute": execute, "__module__": "VoCommands"})
    ours = type("Ours", (), {"execute": execute, "__module__": "pilot_dirac.x"})
    module = types.SimpleNamespace(a=theirs, b=ours, c=3, d=type("NoStep", (), {}))
    assert legacy.commands_in(module) == [theirs]


def test_a_class_that_says_nothing_is_told_by_its_module():
    adopted = legacy.adopt_class(type("Quiet", (), {"__module__": "VoCommands"}))
    assert adopted.__doc__ == "A command of VoCommands."


def test_a_command_of_ours_that_is_extended_keeps_its_options():
    basics = extension("pilot_dirac.configure_basics").ConfigureBasics
    adopted = legacy.adopt_class(type("More", (basics,), {}))
    assert {option.name for option in basics.options} <= {option.name for option in adopted.options}


def test_a_communitys_step_has_hours():
    basics = extension("pilot_dirac.configure_basics").ConfigureBasics
    assert legacy.adopt_class(type("Long", (basics,), {})).timeout_s == 4 * 3600


def test_a_name_without_anything_has_no_commands():
    assert legacy.adopt("NobodyAtAll").COMMANDS == ()


def test_a_name_may_be_that_of_a_package_of_ours():
    assert legacy.adopt("LHCbPilot") is extension("pilot_lhcb")


def test_one_broken_module_among_several_ends_the_pilot_or_is_left_out(modules_flight):
    given = dict(Bad="import no_such_module\n", Good=A_MODULE % ("Fine", "self.log.info('fine')"))
    ended = modules_flight("-X", "Fine", **given)
    assert ended.code == 2
    assert "No module named 'no_such_module'" in ended.err
    ended = modules_flight("-X", "Fine", "--skip-broken-modules", **given)
    assert ended.code == 0, ended.out
    assert "-E Bad is left out: " in ended.err
    assert "No module named 'no_such_module'" in ended.err
    assert "fine" in ended.out


@pytest.mark.parametrize(
    "words, environ, code",
    [
        (["--skip-broken-modules=yes"], {}, 0),
        (["--skip-broken-modules=no"], {"PILOT_SKIP_BROKEN_MODULES": "yes"}, 2),
        ([], {"PILOT_SKIP_BROKEN_MODULES": "no"}, 2),
    ],
)
def test_what_is_said_of_broken_modules_is_read_as_other_settings(modules_flight, words, environ, code):
    given = dict(Bad="x = (\n", Good=A_MODULE % ("Fine", "self.log.info('fine')"))
    assert modules_flight("-X", "Fine", *words, env=environ, **given).code == code


def test_a_variable_leaves_broken_modules_out_as_well(modules_flight):
    given = dict(Bad="x = (\n", Good=A_MODULE % ("Fine", "self.log.info('fine')"))
    environ = {"PILOT_SKIP_BROKEN_MODULES": "yes", "PATH": "/usr/bin:/bin"}
    assert modules_flight("-X", "Fine", env=environ, **given).code == 0
