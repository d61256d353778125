"""DIRAC's options: their values, and what is said of bad ones."""

import pytest

from tests.conftest import extension

options = extension("pilot_dirac.options")


def test_a_program_may_take_as_long_as_diracs_own_calls():
    """Its RPC limit (Core/DISET): a configuration server that answers after 65 s costs no pilot."""
    assert options.TABLE["program_timeout_s"].default == 600


def test_a_bad_command_line_is_told_on_stderr_and_in_a_report(flight, pilot):
    ended = flight("-m", "x", "-Z", "novalue", "--userEnvVariables", "A=1", "--disk", "much")
    assert ended.code == 2
    for word in (
        "--max-number-of-processors",
        "--command-options",
        "--user-env-variables",
        "--min-disk-mb",
    ):
        assert word in ended.err
    bad = ended.workdir / "bad.json"
    bad.write_text("{")
    assert pilot("-E", "dirac", "-F", str(bad)).code == 2


@pytest.mark.parametrize(
    "text, word", [("true", "True"), ("True", "True"), ("no", "False"), ("FALSE", "False")]
)
def test_diracs_booleans_travel_as_words(text, word):
    assert options.yes_or_no(text) == word


@pytest.mark.parametrize(
    "parse, text, sentence",
    [
        (options.yes_or_no, "perhaps", "'perhaps' is neither True nor False"),
        (options.parse_variables, "A:::1,B=2", "'B=2' is not NAME:::VALUE"),
        (options.parse_variables, ":::1", "':::1' is not NAME:::VALUE"),
        (options.parse_modules, "a:::b:::c:::d", "is not URL:::Project:::branch"),
        (options.parse_modules, ":::P", "is not URL:::Project:::branch"),
    ],
)
def test_a_bad_value_is_one_sentence(parse, text, sentence):
    with pytest.raises(ValueError) as told:
        parse(text)
    assert sentence in str(told.value)


@pytest.mark.parametrize(
    "text, pairs",
    [
        ("A:::1,B:::x y", (("A", "1"), ("B", "x y"))),
        (" A :::", (("A", ""),)),
        ("A:::b:::c", (("A", "b:::c"),)),
        ("", ()),
    ],
)
def test_variables_are_pairs(text, pairs):
    assert options.parse_variables(text) == pairs


@pytest.mark.parametrize(
    "text, modules",
    [
        ("https://h/DIRAC.git", (("https://h/DIRAC.git", "DIRAC", ""),)),
        ("https://h/x/:::P", (("https://h/x/", "P", ""),)),
        ("a:::P:::dev, b", (("a", "P", "dev"), ("b", "b", ""))),
    ],
)
def test_modules_are_named_by_their_address_where_nobody_names_them(text, modules):
    assert options.parse_modules(text) == modules


@pytest.mark.parametrize("text", ["/a,/b", "/a /b", " /a, /b "])
def test_locations_are_parted_by_commas_or_blanks(text):
    assert options.parse_locations(text) == ("/a", "/b")


def test_a_setting_of_a_command_that_is_not_loaded_has_its_default():
    assert options.setting_value({}, "max_cycles") == 10


def test_a_setting_comes_before_the_default():
    assert options.setting_value({"max_cycles": 3}, "max_cycles") == 3
