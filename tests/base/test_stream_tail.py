"""The output of a program in bounded memory."""

from pilot.base.stream_tail import MAX_LINE, Tail


def test_the_last_bytes_are_kept_and_the_others_counted():
    tail = Tail(10)
    for _ in range(100):
        tail.feed(b"0123456789abc")
    assert tail.read_text() == "3456789abc"
    assert tail.dropped == 1290


def test_each_line_goes_to_the_listener_also_the_last_without_a_newline():
    lines = []
    tail = Tail(1000, lines.append)
    tail.feed(b"one\ntw")
    tail.feed(b"o\nthree")
    assert lines == ["one", "two"]
    tail.close()
    assert lines == ["one", "two", "three"]


def test_a_line_without_an_end_is_cut():
    lines = []
    tail = Tail(10, lines.append)
    tail.feed(b"x" * (MAX_LINE + 1))
    assert lines == ["x" * (MAX_LINE + 1)]


def test_bytes_that_are_not_utf8_are_replaced():
    tail = Tail(10)
    tail.feed(b"a\xff")
    assert tail.read_text() == "a\ufffd"
