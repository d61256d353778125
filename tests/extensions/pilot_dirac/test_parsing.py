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
        ("dirac-wms-get-queue-cpu-time", "nothing\n", "told no CPU time; its last line: nothing"),
        ("dirac-platform", "\n", "told no platform"),
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
