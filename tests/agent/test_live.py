"""A payload's output on our own, as it comes."""

import os
import subprocess
import sys

import pytest

from pilot.agent.live import Live
from tests.conftest import ROOT, until


@pytest.fixture
def home(tmp_path):
    """A payload's folder with its two streams."""
    folder = tmp_path / "home"
    folder.mkdir()
    for name in ("stdout", "stderr"):
        (folder / name).write_text("")
    return folder


def test_each_stream_goes_to_its_own(home, capfd):
    live = Live(str(home))
    (home / "stdout").write_text("a result\n")
    (home / "stderr").write_text("a warning\n")
    live.finish(str(home))
    assert tuple(capfd.readouterr()) == ("a result\n", "a warning\n")


def test_output_is_there_before_the_payload_has_ended(home, capfd):
    live = Live(str(home))
    (home / "stdout").write_text("soon\n")
    until(lambda: capfd.readouterr().out == "soon\n", what="the line")
    live.finish(str(home))


def test_what_was_written_to_a_folder_that_has_another_name_by_then_is_told(home, tmp_path, capfd):
    live = Live(str(home))
    (tmp_path / "home").rename(tmp_path / "kept")
    (tmp_path / "kept" / "stdout").write_text("the last words\n")
    live.finish(str(tmp_path / "kept"))
    assert capfd.readouterr().out == "the last words\n"


def test_a_payload_that_was_over_before_it_was_looked_at_is_told(home, tmp_path, capfd):
    (home / "stdout").write_text("quick\n")
    live = Live(str(tmp_path / "not there"))
    live.finish(str(home))
    assert capfd.readouterr().out == "quick\n"


def test_a_payload_that_left_no_folder_is_no_trouble(tmp_path, capfd):
    Live(str(tmp_path / "not there")).finish(None)
    assert tuple(capfd.readouterr()) == ("", "")


def test_links_and_pipes_in_the_place_of_streams_are_not_read(tmp_path, capfd):
    (tmp_path / "secret").write_text("hidden")
    (tmp_path / "stdout").symlink_to(tmp_path / "secret")
    os.mkfifo(str(tmp_path / "stderr"))
    Live(str(tmp_path)).finish(str(tmp_path))
    assert tuple(capfd.readouterr()) == ("", "")


def test_a_terminal_is_not_steered_but_for_carriage_returns(home):
    (home / "stdout").write_bytes(b"\x1b[2J 10%\r 20%\n")
    master, slave = os.openpty()
    program = "import sys; from pilot.agent.live import Live; Live(sys.argv[1]).finish(sys.argv[1])"
    try:
        subprocess.check_call(
            [sys.executable, "-c", program, str(home)], stdout=slave, cwd=str(ROOT)
        )
        assert os.read(master, 1000) == b"\\x1b[2J 10%\r 20%\r\n"
    finally:
        os.close(master)
        os.close(slave)
