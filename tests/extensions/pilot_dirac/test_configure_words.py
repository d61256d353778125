"""Words for dirac-configure in self.cfg of every command that writes pilot.cfg."""

import pytest

from tests.conftest import extension
from tests.extensions.pilot_dirac.dirac_client import settings_of

read_words = extension("pilot_dirac.configure_words").read_words


@pytest.mark.parametrize(
    "fragments, options, rest",
    [
        (["-o /A/B=1"], {"/A/B": "1"}, []),
        (["-o", "/A/B=1"], {"/A/B": "1"}, []),
        (["-o '/A/B=x y'", "-o/C=2"], {"/A/B": "x y", "/C": "2"}, []),
        (["-FDMH", "-ddd", "-O pilot.cfg", "--cfg pilot.cfg", "pilot.cfg"], {}, []),
        (["--cfg more.cfg", "-o /A=1"], {"/A": "1"}, ["--cfg", "more.cfg"]),
        (["-e Vo", "-o /A=1"], {"/A": "1"}, ["-e", "Vo"]),
    ],
)
def test_words_are_options_and_what_dirac_configure_has_to_read(fragments, options, rest):
    assert read_words(fragments, "pilot.cfg") == (options, rest)


MODULE = """
from pilotCommands import %(base)s


class Own(%(base)s):
    def execute(self):
        self.cfg.append("-o /LocalSite/Mine=%(base)s")
        self.cfg.append("-e MoreVo")
        super().execute()
"""


@pytest.mark.parametrize(
    "base", ["ConfigureSite", "CheckCECapabilities", "CheckWNCapabilities", "ConfigureArchitecture",
             "ConfigureBasics"],
)
def test_words_before_super_take_effect_in_every_command(modules_flight, client, base):
    ended = modules_flight("-X", "InstallDIRAC,ConfigureBasics,Own", Vo=MODULE % {"base": base})
    assert ended.code == 0, ended.out
    found = settings_of(ended)
    assert found["LocalSite"]["Mine"] == base
    assert found["DIRAC"]["Extensions"] == "MoreVo"
    assert found["DIRAC"]["Configuration"]["Servers"].startswith("dips://cs.test")


def test_words_that_no_shell_can_read_are_told(modules_flight):
    text = MODULE.replace("-e MoreVo", "-o '/A") % {"base": "ConfigureSite"}
    ended = modules_flight("-X", "InstallDIRAC,ConfigureBasics,Own", Vo=text)
    assert ended.code == 30
    assert "No closing quotation" in ended.out


HOOKS = """
import os
from pilotCommands import ConfigureArchitecture, ConfigureArchitectureWithoutCLI, InstallDIRAC


class Elsewhere(InstallDIRAC):
    def _getPreinstalledEnvScript(self):
        self.pp.preinstalledEnv = os.environ["ELSEWHERE"]
        self.pp.installEnv["DIRAC_RC_PATH"] = self.pp.preinstalledEnv


class Platform(ConfigureArchitectureWithoutCLI):
    def getPlatformString(self):
        return "my_platform"


class Runs(ConfigureArchitecture):
    def executeAndGetOutput(self, cmd, environDict=None):
        code, output = super().executeAndGetOutput(cmd, environDict)
        return code, output.replace("Linux", "Mine")
"""


def test_hooks_that_modules_override_are_called(modules_flight, client, tmp_path):
    script = tmp_path / "elsewhere.sh"
    script.write_text(client.env.read_text() + "export FROM_ELSEWHERE=1\n")
    ended = modules_flight(
        "--preinstalledEnv", "/no/such", "-X", "Elsewhere,ConfigureBasics,Platform", Vo=HOOKS,
        env={"ELSEWHERE": str(script), "PATH": "/usr/bin:/bin"},
    )
    assert ended.code == 0, ended.out
    assert settings_of(ended)["LocalSite"]["Architecture"] == "my_platform"
    assert dict(client.environs())["dirac-configure"]["FROM_ELSEWHERE"] == "1"


def test_a_modules_own_way_to_run_programs_is_used(modules_flight):
    ended = modules_flight("-X", "InstallDIRAC,ConfigureBasics,Runs", Vo=HOOKS)
    assert ended.code == 0, ended.out
    assert settings_of(ended)["LocalSite"]["Architecture"] == "Mine_x86_64_glibc-2.36"


SETS = """
from pilotCommands import InstallDIRAC


class Own(InstallDIRAC):
    def execute(self):
        self.pp.userEnvVariables = "MINE:::a value"
        self.pp.configureScript = "dirac-mine"
        super().execute()
"""


def test_parameters_that_a_module_sets_take_effect(modules_flight, client):
    client.add("dirac-mine")
    (client.bin / "dirac-configure").rename(client.bin / "elsewhere")
    ended = modules_flight("-X", "Own,ConfigureBasics", Vo=SETS)
    assert ended.code == 0, ended.out
    (seen,) = [environ for name, environ in client.environs() if name == "dirac-mine"]
    assert seen["MINE"] == "a value"
