"""The command line, in every usual spelling."""

import pytest

from pilot import values
from pilot.engine.cli import ENGINE_OPTIONS, scan
from pilot.command import Option

OPTIONS = [
    Option("commands", "", values.words, flags=("-X",)),
    Option("debug", "", values.boolean, False, flags=("-d",)),
    Option("set", "what to set", repeat=True),
    Option("min_disk_mb", ""),
]


@pytest.mark.parametrize(
    "argv, found",
    [
        (["-X", "A,B"], {"commands": "A,B"}),
        (["-XA"], {"commands": "A"}),
        (["-X=A"], {"commands": "A"}),
        (["--commands", "A"], {"commands": "A"}),
        (["--commands=A"], {"commands": "A"}),
        (["-d"], {"debug": "true"}),
        (["--debug=no"], {"debug": "no"}),
        (["--set", "a=1", "--set", "b=2"], {"set": ["a=1", "b=2"]}),
        (["--min-disk-mb", "-5"], {"min_disk_mb": "-5"}),
        ([], {}),
    ],
)
def test_every_usual_spelling_is_read(argv, found):
    assert scan(argv, OPTIONS) == (found, [])


@pytest.mark.parametrize("argv, words", [
    (["--min-disk", "5"], "unknown option --min-disk (did you mean --min-disk-mb?)"),
    (["stray"], "what is 'stray'?"), (["--set"], "--set needs a value: what to set"),
    (["-X", "--debug"], "-X needs a value"), (["-q"], "unknown option -q")])
def test_what_is_not_understood_is_told(argv, words):
    problems = scan(argv, OPTIONS).problems
    assert len(problems) == 1
    assert words in problems[0]


def test_all_problems_are_told_at_once():
    # "stray" could be the value of --two
    assert len(scan(["--one", "--two", "stray"], OPTIONS).problems) == 3 - 1


def test_the_first_pass_takes_what_it_knows_and_passes_over_the_rest():
    assert scan(["--later", "x", "-X", "A"], OPTIONS, strict=False).values == {"commands": "A"}


def test_engine_options_have_unique_spellings():
    flags = [flag for option in ENGINE_OPTIONS for flag in ("--" + option.name,) + option.flags]
    assert len(flags) == len(set(flags))
