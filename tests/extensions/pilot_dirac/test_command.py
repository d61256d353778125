"""What DIRAC's commands have in common: programs, environments, ends."""

import os

import pytest


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
    ended = flight("--program-timeout-s", "1")
    assert ended.code == code
    assert ended.status(command) == "failed"
    reason = next(row["reason"] for row in ended.report["commands"] if row["command"] == command)
    assert program in reason
    assert "without an end" in reason
    assert "contacting the server" in reason
    assert not os.path.exists("/proc/%s" % (client.bin / "hanging").read_text())


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
