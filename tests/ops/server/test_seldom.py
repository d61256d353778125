"""A log that nobody from outside can fill."""

import logging

from pilot.ops.server.seldom import Seldom


def test_each_kind_of_line_comes_once_a_minute_with_its_count():
    now = [0.0]
    seldom = Seldom(lambda: now[0])

    def line(text, *args):
        record = logging.LogRecord("x", logging.ERROR, "", 0, text, args, None)
        return record.getMessage() if seldom.filter(record) else None

    assert line("no room for %s", "a") == "no room for a"
    assert line("another") == "another"
    assert [line("no room for %s", "b") for _ in range(1000)] == [None] * 1000
    now[0] = 61.0
    assert line("no room for %s", "c") == "no room for c (and 1000 more like it in the last 61 s)"


def record(text, *args, level=logging.ERROR):
    return logging.LogRecord("x", level, "", 0, text, args, None)


def test_the_same_words_of_another_level_are_another_kind():
    seldom = Seldom(lambda: 0.0)
    passed = [seldom.filter(record("x", level=one)) for one in (logging.ERROR, logging.WARNING)]
    assert passed == [True, True]


def test_a_line_that_comes_seldom_says_nothing_of_others():
    now = [0.0]
    seldom = Seldom(lambda: now[0])
    seldom.filter(record("x"))
    now[0] = 60.0
    again = record("x")
    assert (seldom.filter(again), again.getMessage()) == (True, "x")


def test_endless_kinds_take_no_endless_memory():
    seldom = Seldom(lambda: 0.0)
    for number in range(5000):
        seldom.filter(record("kind %d" % number))
    assert len(seldom._kinds) <= 1000
