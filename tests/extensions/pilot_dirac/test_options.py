"""DIRAC's options: their values, and what is said of bad ones."""

from tests.conftest import extension

options = extension("pilot_dirac.options")


def test_a_limit_is_under_a_minute_by_default():
    assert options.TABLE["program_timeout_s"].default < 60


def test_a_bad_command_line_is_told_on_stderr_and_in_a_report(flight, pilot):
    ended = flight("-m", "x", "-Z", "novalue", "--userEnvVariables", "A=1", "--disk", "much")
    assert ended.code == 2
    for word in (
        "--max-number-of-processors",
        "--command-options",
        "--user-env-variables",
        "--min-disk-mb",
    ):
        assert word in ended.err
    bad = ended.workdir / "bad.json"
    bad.write_text("{")
    assert pilot("-E", "dirac", "-F", str(bad)).code == 2
