import re
import shutil
import subprocess
import sys

import pytest

from pilot.ops import manual
from pilot.errors import EXIT_CODES
from pilot.engine.registry import commands_by_name
from tests.conftest import ROOT


def write(what, *words):
    done = subprocess.run(
        [sys.executable, "-m", "pilot.manual", what] + list(words),
        cwd=str(ROOT),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def test_the_page_has_every_command_option_and_code():
    code, page, _ = write("man", "example")
    assert code == 0
    for name, command in commands_by_name(manual.known_packages(["example"])).items():
        assert ".SS %s" % name in page
        assert all(
            manual.escape_roff("--" + option.name.replace("_", "-")) in page
            for option in command.options
        )
    assert all(manual.escape_roff(row.meaning) in page for row in EXIT_CODES)


def test_the_page_has_the_defaults_that_help_tells():
    told = subprocess.run(
        [sys.executable, "pilot.py", "--help"], cwd=str(ROOT), stdout=subprocess.PIPE
    ).stdout.decode()
    defaults = re.findall(r"\(default: [^)]*\)", told)
    page = write("man")[1]
    assert (
        len(defaults) > 20
        and [text for text in defaults if manual.escape_roff(text) not in page] == []
    )


def test_man_reads_the_page_without_a_complaint(tmp_path):
    if shutil.which("groff") is None:
        pytest.skip("groff is not installed")
    (tmp_path / "pilot.1").write_text(write("man")[1])
    done = subprocess.run(
        ["groff", "-man", "-Tascii", "-ww", str(tmp_path / "pilot.1")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert done.returncode == 0
    assert done.stderr == b""
    assert b"stopped by signal n" in done.stdout


@pytest.mark.parametrize(
    "line, expected",
    [
        ("pilot.py --min-d", ["--min-disk-mb"]),
        ("pilot.py -X Check", ["CheckWorkerNode"]),
        ("pilot.py -X CheckWorkerNode,Conf", ["CheckWorkerNode,Configure"]),
        ("pilot.py --tasks exam", ["examples", "extensions"]),
    ],
)
def test_bash_completes(line, expected):
    words = line.split(" ")
    script = (
        "%s\nCOMP_WORDS=(%s); COMP_CWORD=%d; compopt() { :; }; _pilot; printf '%%s\\n' \"${COMPREPLY[@]}\""
        % (write("bash")[1], " ".join("'%s'" % word for word in words), len(words) - 1)
    )
    done = subprocess.run(
        ["bash", "-c", script], cwd=str(ROOT), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    found = done.stdout.decode().split()
    assert done.returncode == 0, (found, done.stderr)
    assert set(found) & set(expected), (found, done.stderr)
    assert (len(expected) > 1 or found == expected), (found, done.stderr)


def test_mistakes_are_a_sentence():
    assert write("tex")[0] == 2
    assert write("man", "nowhere")[0] == 2
    assert "no package pilot_nowhere" in write("man", "nowhere")[2]


def test_text_is_safe_for_roff():
    assert manual.escape_roff(".a-b\\") == "\\&.a\\-b\\e"
