"""Values of the INI file."""

import pytest

from pilot.ops.factory import config_values


def test_words_are_those_of_a_shell():
    assert config_values.quoted_words("--constraint='a b' -x") == ("--constraint=a b", "-x")
    assert config_values.assignments("A=1 B='x y'") == (("A", "1"), ("B", "x y"))


def test_time_spans_are_seconds():
    assert config_values.time_spans("6h+2h, 30m+90") == ((21600.0, 7200.0), (1800.0, 90.0))
    assert config_values.time_spans("") == ()


@pytest.mark.parametrize(
    "read, text",
    [
        (config_values.positive, "0"),
        (config_values.positive, "x"),
        (config_values.fraction, "1.5"),
        (config_values.fraction, "-0.1"),
        (config_values.fraction, "nan"),
        (config_values.assignments, "A"),
        (config_values.quoted_words, "'a"),
        (config_values.time_spans, "6h"),
    ],
)
def test_what_is_wrong_is_told(read, text):
    with pytest.raises(ValueError):
        read(text)
