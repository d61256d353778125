"""The environment that a script sets comes back, or a sentence does."""

import os

import pytest

from pilot.base import process, shell
from pilot.errors import StepFailed


def test_the_environment_of_a_script_comes_back_whole(tmp_path):
    script = tmp_path / "set up.sh"
    script.write_text("echo noise\nexport MULTI='a\nb=c'\nexport SSH_KIND=kept\nexport ARG=$1\n")
    found = shell.shell_environ([str(script), "one"], {"PATH": os.environ["PATH"], "OLD": "1"}, 20)
    assert found["MULTI"] == "a\nb=c"
    assert found["SSH_KIND"] == "kept"
    assert found["ARG"] == "one"
    assert found["OLD"] == "1"


def test_a_script_that_fails_is_told(tmp_path):
    script = tmp_path / "setup.sh"
    script.write_text("echo no such release >&2\nreturn 7\n")
    with pytest.raises(process.ProgramFailed, match="no such release"):
        shell.shell_environ([str(script)], dict(os.environ), 20)


def test_what_the_script_prints_is_taken_for_no_variable(tmp_path):
    (tmp_path / "s.sh").write_text("printf 'FAKE=1\\0'\n")
    found = shell.shell_environ([str(tmp_path / "s.sh")], {"PATH": os.environ["PATH"]}, 20)
    assert "FAKE" not in found


def test_what_bash_sets_for_itself_is_left_out(tmp_path):
    (tmp_path / "s.sh").write_text("cd /\n")
    found = shell.shell_environ([str(tmp_path / "s.sh")], {"PATH": os.environ["PATH"]}, 20)
    assert {"_", "SHLVL", "PWD", "OLDPWD"} & set(found) == set()


def test_a_script_that_exits_is_told_by_its_name(tmp_path):
    (tmp_path / "s.sh").write_text("exit 0\n")
    with pytest.raises(StepFailed, match="s.sh ended before its environment could be read"):
        shell.shell_environ([str(tmp_path / "s.sh")], dict(os.environ), 20)


def test_a_script_that_hangs_is_ended(tmp_path):
    (tmp_path / "s.sh").write_text("sleep 300\n")
    with pytest.raises(process.ProgramFailed, match="without an end"):
        shell.shell_environ([str(tmp_path / "s.sh")], dict(os.environ), 0.3)
