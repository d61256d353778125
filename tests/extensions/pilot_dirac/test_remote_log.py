"""Who hears the log, and the lines as DIRAC wants them."""

import os

import pytest

from tests.conftest import extension, steady
from tests.extensions.pilot_dirac.log_server import ID

remote_log = extension("pilot_dirac.remote_log")


def test_what_the_wrapper_wrote_comes_first_and_an_open_pipe_holds_nobody(logged_flight, server):
    ended = logged_flight(stdin=_pipe(b"wrapper line\n", False))
    assert ended.code == 0
    assert server.logs[("dteam", ID)].split("\n")[1] == "wrapper line"
    server.logs.clear()
    began = steady()
    ended = logged_flight(stdin=_pipe(b"half a line", True))
    assert ended.code == 0
    assert steady() - began < 8
    assert server.logs[("dteam", ID)].split("\n")[1].startswith("half a line")


def _pipe(text, stays_open):
    reading, writing = os.pipe()
    os.write(writing, text)
    if not stays_open:
        os.close(writing)
    return reading


@pytest.mark.parametrize("words, heard", [(["-N", "ce1"], True), (["-N", "ce2"], False)])
def test_only_computing_elements_of_the_white_list_tell(logged_flight, server, words, heard):
    ended = logged_flight("--remote-logger-ces-white-list", "ce1,ce3", *words)
    assert ended.code == 0
    assert bool(server.requests) == heard


def test_lines_keep_their_parts():
    line = remote_log.parse_line("2026-11-20T03:11:06.320Z WARNING CheckWorkerNode: cores: 2")
    assert line.format_line() == "2026-11-20T03:11:06.320Z WARNING [CheckWorkerNode] cores: 2"
    assert remote_log.parse_line("plain").format_line().endswith(" INFO [Pilot] plain")


@pytest.mark.parametrize(
    "words", [("-z", "-g", "https://[::1/x"), ("--diracx_URL", "https://[::1/x")]
)
def test_an_address_that_is_none_costs_no_pilot(pilot, words):
    ended = pilot("-E", "dirac", "-X", "CheckWorkerNode", *words)
    assert ended.code == 0
    assert "the log is not sent" in ended.out


def test_a_secret_in_the_wrappers_words_is_masked(logged_flight, server):
    assert (
        logged_flight(
            "--pilotSecret", "hidden-word", stdin=_pipe(b"PILOT_SECRET=hidden-word\n", False)
        ).code
        == 0
    )
    assert "PILOT_SECRET=********" in server.logs[("dteam", ID)]
    assert "hidden-word" not in server.logs[("dteam", ID)]


@pytest.mark.parametrize("words", [("-z",), ("-z", "-g", "nothing")])
def test_a_log_server_without_an_address_is_told(pilot, words):
    ended = pilot("-E", "dirac", "-X", "CheckWorkerNode", *words)
    assert ended.code == 0
    assert "the log is not sent: pilotLogging needs a loggerURL" in ended.out


STORY = [
    {"event": "log", "lines": ["2026-11-20T03:11:06.320Z CRITICAL pilot: gone"]},
    {"event": "pilot finished", "exit_code": 20},
    {"event": "log", "lines": ["plain"]},
]


def test_only_lines_of_the_log_are_told():
    assert [line.message for line in remote_log.lines_of(STORY)] == ["gone", "plain"]


def test_the_words_are_those_that_the_servers_know():
    line = remote_log.lines_of(STORY)[0]
    assert (line.severity, line.scope) == ("ERROR", "Pilot")


@pytest.mark.parametrize("story, ending", [(STORY, (True, 20)), (STORY[:1], (False, 0))])
def test_the_end_is_found_with_its_code(story, ending):
    assert remote_log.find_ending(story) == ending


@pytest.mark.parametrize("text", [b"", b"one\n", b"caf\xc3\xa9 \xff"])
def test_what_a_wrapper_wrote_is_read_to_its_end(text):
    reading = _pipe(text, False)
    try:
        assert remote_log.read_wrapper_log(reading) == text.decode("utf-8", "replace")
    finally:
        os.close(reading)


def test_a_closed_standard_input_says_nothing():
    reading = _pipe(b"x", False)
    os.close(reading)
    assert remote_log.read_wrapper_log(reading) == ""


def test_a_terminal_is_not_read():
    master, terminal = os.openpty()
    os.write(master, b"typed\n")
    try:
        assert remote_log.read_wrapper_log(terminal) == ""
    finally:
        os.close(master)
        os.close(terminal)


def test_nobody_is_told_unless_a_server_is_named():
    assert remote_log.transports({"ce": "ce1"}, {}, ID) == []
