"""The words for how things end."""

import json

import pytest

from pilot.events.endings import AttemptOutcome, CommandStatus, TaskState

WORDS = [word for kind in (CommandStatus, AttemptOutcome, TaskState) for word in kind]


@pytest.mark.parametrize("word", WORDS, ids=repr)
def test_a_word_is_written_as_its_text(word):
    assert "%s" % word == word.value
    assert json.dumps({word: word}) == json.dumps({word.value: word.value})
    assert json.dumps([word], indent=1) == json.dumps([word.value], indent=1)


@pytest.mark.parametrize("word", WORDS, ids=repr)
def test_a_word_is_found_by_its_text(word):
    assert {word.value: 1}[word] == 1
    assert {word: 1}[word.value] == 1
