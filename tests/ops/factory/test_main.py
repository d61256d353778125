"""The command line."""

import pytest

from pilot.ops.factory.__main__ import main


@pytest.mark.parametrize("words", [[], ["nonsense"], ["status"], ["check", "/no/file"], ["check", "x", "--", "y"]])
def test_mistakes_are_exit_code_2_without_a_traceback(words, capsys):
    assert main(words) == 2
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize("verb", ["add", "remove", "check", "dry-run", "run", "once", "status",
                                  "explain", "pause", "resume", "drain", "cancel", "stop", "outputs"])
def test_every_verb_has_a_help(verb, capsys):
    assert main([verb, "--help"]) == 0
    assert "FILE" in capsys.readouterr().out
