"""What is to be shipped."""

import subprocess

import pytest

from pilot.ops.ship.order import Order, format_clock, own_workdir, quote_words, walltime_words


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


def test_a_slot_of_unknown_length_adds_no_words():
    assert walltime_words(Order({}, ("-X", "A"))) == ("-X", "A")


def test_each_job_has_a_workdir_of_its_own():
    assert own_workdir(Order({}, ("-X", "A")), "pilot-7") == ("-X", "A", "--workdir", "pilot-7")


@pytest.mark.parametrize("words", [("--workdir", "w"), ("--workdir=w",)])
def test_a_workdir_that_is_said_is_not_said_again(words):
    assert own_workdir(Order({}, words), "pilot-7") == words


def test_words_come_back_from_a_shell_as_they_went():
    words = ["plain", "two words", "it's", '"$HOME"', "", "a\\b"]
    text = "printf '%s|' " + quote_words(words)
    assert subprocess.check_output(["sh", "-c", text]).decode().split("|")[:-1] == words
