"""What DIRAC's programs print, found among whatever is printed around it."""

import pytest

from tests.conftest import extension

parsing = extension("pilot_dirac.parsing")


@pytest.mark.parametrize(
    "program, out, word",
    [
        (
            "dirac-resource-get-parameters",
            "nothing\n",
            "gave no JSON object; its last line: nothing",
        ),
        ("dirac-wms-get-wn-parameters", "x y\n", "its last line: x y"),
        ("dirac-wms-get-queue-cpu-time", "nothing\n", "printed no CPU time; its last line: nothing"),
        ("dirac-platform", "\n", "printed no platform"),
    ],
)
def test_words_that_make_no_sense_are_told_as_such(flight, client, program, out, word):
    client.say(**{program.replace("-", "_"): {"out": out}})
    ended = flight()
    assert ended.code in (10, 30)
    assert word in ended.out


def test_decorated_lines_are_read():
    assert (
        parsing.last_number(
            parsing.TIME_LEFT, "2026 INFO: CPU time left determined as: 12.5 s (ok)\n"
        )
        == 12.5
    )
    assert (
        parsing.last_number(parsing.TIME_LEFT, "x\nCPU time left determined as 7.2e3 s\n") == 7200.0
    )
    assert parsing.last_number(parsing.TIME_LEFT, "") is None


@pytest.mark.parametrize(
    "text, found",
    [
        ('noise\n{"a": 1}\nmore', {"a": 1}),
        ('INFO: {"a": 1}\n', {"a": 1}),
        ('{"a": 1}\n{"a": 2}\n', {"a": 2}),
        ('{"a": 1}\n{broken\n', {"a": 1}),
        ("[1]\n", None),
        ("", None),
    ],
)
def test_the_last_line_that_is_an_object_counts(text, found):
    assert parsing.last_object(text) == found


@pytest.mark.parametrize(
    "text, counts",
    [
        ("2 0 0\n", (2, 0, 0)),
        ("4 2000\n", (4, 2000, 0)),
        ("1 2 3\nbye\n", (1, 2, 3)),
        ("1 2 3\n 4 5 6 \n", (4, 5, 6)),
        ("1\n", None),
        ("1 2 3 4\n", (1, 2, 3)),
        ("1 2 3 words behind\n", (1, 2, 3)),
        ("1 2 words\n", None),
        ("-1 2\n", None),
    ],
)
def test_counts_are_the_first_numbers_of_a_line(text, counts):
    assert parsing.last_counts(text) == counts


@pytest.mark.parametrize("text, line", [("a\n b \n\n", "b"), ("\n \n", ""), ("", "")])
def test_the_last_line_is_one_that_says_something(text, line):
    assert parsing.last_line(text) == line


@pytest.mark.parametrize(
    "raw, items",
    [("a, b,", ["a", "b"]), (["a ", "", 3], ["a", "3"]), ((), []), ("", []), (7, ["7"])],
)
def test_a_list_is_never_a_texts_letters(raw, items):
    assert parsing.as_list(raw) == items


@pytest.mark.parametrize("raw, text", [(["a", 1], "a, 1"), (2048, "2048"), ("x", "x")])
def test_a_value_is_written_as_diracs_configuration_has_it(raw, text):
    assert parsing.as_text(raw) == text
