"""The log in the form that DIRAC's commands write."""

import logging

import pytest

from pilot.base.log import Masker
from tests.conftest import extension

log = extension("pilot_dirac.log")


@pytest.fixture
def out_file(tmp_path):
    """A pilot.out that masks a secret; its path and what writes to it."""
    masker = Masker()
    masker.add("tell-nobody")
    path = tmp_path / "pilot.out"
    return path, log.OutFile(str(path), masker)


def record(text, name="pilot.A", level=logging.INFO):
    return logging.LogRecord(name, level, "x.py", 1, text, (), None)


@pytest.mark.parametrize(
    "text, more, filled",
    [
        ("code", (3,), "code 3"),
        ("code %d", (3,), "code 3"),
        ("code %d", ("x",), "code %d x"),
        ("100 % full", (), "100 % full"),
        (5, (), "5"),
    ],
)
def test_further_words_are_filled_in_or_come_behind(text, more, filled):
    assert log.fill_in(text, more) == filled


@pytest.mark.parametrize(
    "level, name, line",
    [
        ("INFO", "pilot.CheckWorkerNode", "1970-01-01T00:00:01.500000Z INFO [CheckWorkerNode] x"),
        ("WARNING", "pilot", "1970-01-01T00:00:01.500000Z WARN [Pilot] x"),
        ("CRITICAL", "pilot", "1970-01-01T00:00:01.500000Z ERROR [Pilot] x"),
    ],
)
def test_a_line_has_diracs_form(level, name, line):
    assert log.log_line(1.5, level, name, "x") == line


def test_every_line_of_a_text_has_the_header(out_file):
    path, handler = out_file
    handler.emit(record("one\ntwo"))
    assert [line.split("Z ")[1] for line in path.read_text().splitlines()] == [
        "INFO [A] one",
        "INFO [A] two",
    ]


def test_a_secret_is_masked(out_file):
    path, handler = out_file
    handler.emit(record("it is tell-nobody"))
    assert "tell-nobody" not in path.read_text()


def test_what_was_there_before_is_kept(tmp_path):
    (tmp_path / "pilot.out").write_text("before\n")
    log.OutFile(str(tmp_path / "pilot.out"), Masker()).emit(record("after"))
    assert (tmp_path / "pilot.out").read_text().startswith("before\n")


def test_words_that_only_diracs_log_knows_are_taken(caplog):
    with caplog.at_level(logging.INFO, "pilot"):
        log.Logger("X", pilotOutput="f").info("kept", header=False)
    assert "kept" in caplog.text
