"""What DIRAC's commands have in common: programs, environments, ends."""

import os
import sys
import types

import pytest

from tests.conftest import extension
from tests.extensions.pilot_dirac.dirac_client import settings_in

command = extension("pilot_dirac.command")
DiracCommand = command.DiracCommand


@pytest.mark.parametrize(
    "program, command, code",
    [
        ("dirac-configure", "ConfigureBasics", 30),
        ("dirac-resource-get-parameters", "CheckCECapabilities", 30),
        ("dirac-wms-get-wn-parameters", "CheckWNCapabilities", 30),
        ("dirac-platform", "ConfigureArchitecture", 30),
        ("dirac-wms-get-queue-cpu-time", "ConfigureCPURequirements", 10),
    ],
)
def test_a_program_that_hangs_is_ended_with_its_last_lines_and_nothing_stays(
    flight, client, program, command, code
):
    client.say(
        **{
            program.replace("-", "_"): {
                "out": "contacting the server\n",
                "hangs": "for good" if program == "dirac-platform" else True,
            }
        }
    )
    ended = flight("--program-timeout-s", "3")
    assert ended.code == code
    assert ended.status(command) == "failed"
    reason = next(row["reason"] for row in ended.report["commands"] if row["command"] == command)
    assert program in reason
    assert "without an end" in reason
    assert "contacting the server" in reason
    assert not os.path.exists("/proc/%s" % (client.bin / "hanging").read_text())


def test_a_program_may_use_its_limit_twice_before_the_step_ends():
    """A step whose limit is shorter would be ended, and the pilot with it."""
    limit_s = extension("pilot_dirac.options").TABLE["program_timeout_s"].default
    steps = {one.name: one.timeout_s for one in extension("pilot_dirac").COMMANDS}
    short = {name for name, end_s in steps.items() if end_s and end_s < 2 * limit_s}
    assert short == {"GetPilotVersion", "CheckWorkerNode"}  # they start no program of DIRAC


SHELL = """
from pilotTools import CommandBase


class Say(CommandBase):
    def execute(self):
        code, out = self.executeAndGetOutput("%s")
        with open("said", "wb") as stream:
            stream.write(("%%d %%s" %% (code, out)).encode("utf-8"))
"""


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
def test_nothing_of_a_programs_output_is_lost_and_nothing_blocks(modules_flight, shell, expected):
    ended = modules_flight("-X", "InstallDIRAC,Say", S=SHELL % shell)
    assert ended.code == 0, ended.out + ended.err
    assert (ended.workdir / "said").read_bytes() == expected


class Say(DiracCommand):
    """Keeps what a shell command of it gave."""

    name = "Say"
    words = "true"
    environ = None

    def execute(self):
        self.result = self.executeAndGetOutput(self.words, self.environ)
        type(self).kept = self.result


def test_a_list_of_words_is_run_without_a_shell(step):
    class Words(Say):
        words = ["printf", "%s|", "a b", "$HOME"]

    step(Words)
    assert Words.kept == (0, "a b|$HOME|")


def test_a_code_is_given_and_is_no_failure(step):
    class Fails(Say):
        words = "echo x; exit 3"

    assert step(Fails).outcome.status == "ok"
    assert Fails.kept == (3, "x\n")


def test_an_environment_that_is_given_is_the_whole(step):
    class Alone(Say):
        words = 'echo "$MINE|$DIRAC_TEST"'
        environ = {"MINE": "1", "PATH": "/usr/bin:/bin"}

    step(Alone, DIRAC_TEST="theirs")
    assert Alone.kept == (0, "1|\n")


def test_a_step_that_does_nothing_is_named():
    with pytest.raises(NotImplementedError, match="Nothing.execute"):
        type("Nothing", (DiracCommand,), {})().execute()


@pytest.mark.parametrize("ending", [lambda: sys.exit(0), sys.exit])
def test_a_step_may_end_the_pilot_well(ending):
    pp = types.SimpleNamespace(ended="")
    command.perform_step(pp, Say(), ending)
    assert pp.ended == "Say"


def test_a_step_that_comes_to_its_end_does_not_end_the_pilot():
    pp = types.SimpleNamespace(ended="")
    command.perform_step(pp, Say(), lambda: 7)
    assert pp.ended == ""


def test_a_step_that_ends_with_a_code_fails_with_a_sentence():
    one = Say()
    with pytest.raises(one.failure, match="Say ended the pilot with code 5"):
        command.perform_step(types.SimpleNamespace(ended=""), one, lambda: one.exitWithError(5))


def test_a_value_that_is_empty_is_not_written(step, tmp_path):
    class Writes(DiracCommand):
        name = "Writes"

        def execute(self):
            self.write_options({"/A/B": "1", "/A/C": ""})

    step(Writes)
    assert settings_in(tmp_path) == {"A": {"B": "1"}}
