"""What is to be shipped."""

import pytest

from pilot.ops.ship.order import Order, format_clock, walltime_words


@pytest.mark.parametrize(
    "seconds, text", [(60, "0:01:00"), (61, "0:02:00"), (7200, "2:00:00"), (360000, "100:00:00")]
)
def test_times_are_rounded_up(seconds, text):
    assert format_clock(seconds) == text


def test_a_walltime_that_is_said_is_not_said_again():
    assert walltime_words(Order({}, ("--max-walltime=5",), walltime_s=10)) == ("--max-walltime=5",)
    assert walltime_words(Order({}, ("-X", "A"), walltime_s=10)) == (
        "-X",
        "A",
        "--max-walltime",
        "10",
    )
