"""What a token's document says."""

import pytest

from tests.conftest import extension
from tests.extensions.pilot_picas.tokens import TOKEN, lock_for_p1

token = extension("pilot_picas.token")
transitions = extension("pilot_picas.transitions")


def test_states_are_those_of_the_views():
    assert token.state_of(TOKEN) == "todo"
    assert token.state_of(dict(TOKEN, lock=5)) == "locked"
    assert token.state_of(dict(TOKEN, lock=5, done=6, exit_code=0)) == "done"
    assert token.state_of(dict(TOKEN, lock=5, done=6, exit_code="0")) == "done"
    assert token.state_of(dict(TOKEN, lock=99, done=99)) == "error"
    assert token.state_of(dict(TOKEN, lock=-1)) == "held"


@pytest.mark.parametrize(
    "edit, claimable",
    [
        ({}, True),
        ({"lock": 5}, False),
        ({"lock": -1}, False),
        ({"type": "note"}, False),
        ({token.NOT_BEFORE: 2000.0}, False),
        ({token.NOT_BEFORE: 1000.0}, True),
    ],
)
def test_what_waits_for_nothing_may_be_claimed(edit, claimable):
    assert token.is_claimable(dict(TOKEN, **edit), 1000.0) is claimable


@pytest.mark.parametrize("now, expired", [(1299.0, False), (1300.0, True)])
def test_a_lease_runs_out_at_its_time(now, expired):
    assert token.lease_expired(lock_for_p1(), now) is expired


@pytest.mark.parametrize(
    "generation, pilot, holds", [(1, "p1", True), (2, "p1", False), (1, "p2", False)]
)
def test_a_lease_is_of_one_pilot_and_one_attempt(generation, pilot, holds):
    assert token.holds_lease(lock_for_p1(), generation, pilot) is holds


@pytest.mark.parametrize("priority, found", [(5, 5), ("high", 0), (None, 0)])
def test_a_priority_that_is_no_number_is_none(priority, found):
    assert token.priority_of(dict(TOKEN, **{token.TASK: {"priority": priority}})) == found
