"""The pilot's log as events: many lines in one, none too large."""

import logging

import pytest

from pilot.base.log import Masker
from pilot.events.log_lines import MOST_CHARACTERS, MOST_LINES, MOST_TEXT, LogLines


@pytest.fixture
def got():
    """The events' lines, one list an event."""
    return []


@pytest.fixture
def masker():
    return Masker()


@pytest.fixture
def lines(got, masker):
    return LogLines(masker, got.append)


def record(text):
    return logging.LogRecord("pilot.x", logging.INFO, "f", 1, text, (), None)


def test_long_log_records_become_events_of_a_bearable_size(lines, got):
    lines.handle(record("\n".join(["y" * 3900] * 80)))
    lines.flush_lines()
    assert sum(len(part) for part in got) == 80
    assert max(sum(map(len, part)) for part in got) <= MOST_CHARACTERS


def test_lines_wait_until_they_are_asked_for(lines, got):
    lines.handle(record("one"))
    assert got == []


def test_several_records_become_one_event_in_order(lines, got):
    lines.handle(record("one"))
    lines.handle(record("two"))
    lines.flush_lines()
    assert [[line.split(": ")[1] for line in part] for part in got] == [["one", "two"]]


def test_many_lines_go_out_unasked(lines, got):
    for number in range(MOST_LINES):
        lines.handle(record("line %d" % number))
    assert [len(part) for part in got] == [MOST_LINES]


def test_a_line_has_time_level_and_command(lines, got):
    lines.handle(record("text"))
    lines.flush_lines()
    assert got[0][0].endswith("Z INFO    x: text")


def test_an_endless_line_is_cut(lines, got):
    lines.handle(record("y" * 100000))
    lines.flush_lines()
    assert len(got[0][0]) == MOST_TEXT


def test_secrets_do_not_travel(lines, got, masker):
    masker.add("hunter22")
    lines.handle(record("the token is hunter22"))
    lines.flush_lines()
    assert got[0][0].endswith("the token is ********")


def test_nothing_to_tell_is_no_event(lines, got):
    lines.handle(record("one"))
    lines.flush_lines()
    lines.flush_lines()
    assert len(got) == 1
