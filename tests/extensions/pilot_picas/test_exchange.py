"""Tokens as pools show, export and restore tasks."""

import pytest

from tests.conftest import extension
from tests.extensions.pilot_picas.tokens import TOKEN, lock_for_p1

exchange = extension("pilot_picas.exchange")
token = extension("pilot_picas.token")


def test_a_locked_token_shows_its_pilot_and_the_rest_of_its_lease():
    shown = exchange.describe_token(lock_for_p1(), 1100.0, "true")
    assert (shown["state"], shown["pilot"], shown["seconds_left"]) == ("locked", "p1", 200.0)
    assert (shown["generation"], shown["attempts_used"]) == (1, 1)


def test_a_token_without_a_command_is_shown_with_its_input():
    shown = exchange.describe_token(TOKEN, 1100.0, "")
    assert shown["meta"] == {"input": TOKEN["input"]}


def test_the_reason_is_the_last_error():
    errors = [{"message": "first"}, {"message": "last"}]
    assert exchange.describe_token(dict(TOKEN, error=errors), 0.0, "x")["reason"] == "last"


@pytest.mark.parametrize("state", ["todo", "done", "error", "held"])
def test_a_restored_task_has_its_state(state):
    task = {"id": "a", "command": ["true"], "state": state, "attempts_used": 1, "reason": "x"}
    assert token.state_of(exchange.restore_token(task, 1000.0)) == state


def test_an_attempt_that_was_running_is_restored_as_lost():
    task = {"id": "a", "command": ["true"], "attempts": [{"generation": 1, "outcome": None}]}
    assert token.history_of(exchange.restore_token(task, 1000.0))[0]["outcome"] == "lost"
