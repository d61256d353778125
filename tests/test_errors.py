"""How a pilot can end: codes, sentences, and what a machine lacks."""

import errno
import signal
import sys

import pytest

from pilot import errors
from pilot.errors import EXIT_CODES, PilotError, Stopped, TimeLimit, UsageError, signal_name
from tests.conftest import ROOT


def test_exit_codes_are_clear_of_other_peoples():
    codes = [row.code for row in EXIT_CODES]
    assert codes == sorted(set(codes))
    assert not set(codes) & {99, 100, 126, 127, 255}
    assert max(codes) < 128


def test_the_readme_has_the_whole_table():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    for row in EXIT_CODES:
        assert "| %d | %s | %s |" % (row.code, row.meaning, row.whose) in text


@pytest.mark.parametrize(
    "error, words",
    [
        (OSError(11, "x"), "no more processes"),
        (OSError(28, "x", "/f"), "the disk is full: /f"),
        (FileNotFoundError(2, "x", "/dev/null"), "no /dev/null"),
        (RuntimeError("can't start new thread"), "no more processes"),
        (ImportError("x", name="_ssl"), "built without ssl"),
        (OSError(13, "x"), ""),
        (ValueError("x"), ""),
        (FileNotFoundError(2, "x", "/other"), ""),
    ],
)
def test_what_a_machine_lacks_is_known_by_the_error(error, words):
    assert words in errors.lacking(error)
    assert bool(errors.lacking(error)) == bool(words)


@pytest.mark.parametrize("signum, name", [(15, "SIGTERM"), (9, "SIGKILL"), (200, "signal 200")])
def test_a_signal_is_told_by_its_name(signum, name):
    assert signal_name(signum) == name


def test_a_usage_error_keeps_each_problem_and_tells_all():
    error = UsageError("one", "two")
    assert error.problems == ("one", "two")
    assert str(error) == "one; two"


def test_a_stop_is_128_and_the_signal_as_shells_count():
    assert Stopped(signal.SIGTERM).exit_code == 143


@pytest.mark.parametrize(
    "error, sentence",
    [
        (Stopped(signal.SIGINT), "stopped by SIGINT"),
        (TimeLimit(90.0), "longer than its limit of 90 s"),
    ],
)
def test_an_interruption_is_a_sentence(error, sentence):
    assert str(error) == sentence


@pytest.mark.parametrize("error", [Stopped(15), TimeLimit(1.0)])
def test_no_broad_except_of_a_command_swallows_an_interruption(error):
    def command():
        try:
            raise error
        except Exception:
            return "swallowed"
    with pytest.raises(type(error)):
        command()


@pytest.mark.parametrize("kind", [errors.StepFailed, errors.Skip])
def test_what_a_command_may_catch_ends_no_pilot_by_itself(kind):
    assert not issubclass(kind, PilotError)


@pytest.mark.parametrize("name", ["ssl", "_ssl", "zlib", "_sqlite3", "ctypes", "_bz2", "_lzma"])
def test_a_library_that_this_python_lacks_is_told_with_the_python(name):
    told = errors.lacking(ImportError("x", name=name))
    assert told == "%s was built without %s: give the pilot a whole Python" % (
        sys.executable,
        name.lstrip("_"),
    )


def test_a_module_of_others_is_nothing_that_python_lacks():
    assert errors.lacking(ImportError("x", name="numpy")) == ""


@pytest.mark.parametrize("filename", ["/dev/null", b"/dev/null"])
def test_a_missing_dev_null_is_told(filename):
    error = FileNotFoundError(errno.ENOENT, "x", filename)
    assert errors.lacking(error) == "there is no /dev/null here"


def test_an_error_without_a_number_lacks_nothing():
    assert errors.lacking(OSError("odd")) == ""
