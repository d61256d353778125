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
