"""How many tasks an agent claims, and how long it waits."""

import pytest

from pilot.agent.patience import BRISK_S, GIVE_UP_S, claim_count, patience_s


@pytest.mark.parametrize("last_s, running, slots, max_tasks, claimed, count", [
    (BRISK_S, False, 1, None, 5, 2), (BRISK_S * 2, False, 1, None, 5, 1), (BRISK_S, True, 1, None, 5, 1), (BRISK_S, False, 64, None, 5, 1),
    (BRISK_S, False, 1, 6, 5, 1), (BRISK_S, False, 1, 7, 5, 2)])
def test_two_are_claimed_only_where_payloads_are_over_before_the_next_is_claimed(last_s, running, slots, max_tasks, claimed, count):
    assert claim_count(last_s, running, slots, max_tasks, claimed) == count


@pytest.mark.parametrize("left_s, expected", [(None, GIVE_UP_S), (1e6, GIVE_UP_S), (30.0, 30.0), (0.0, 1.0)])
def test_a_silent_pool_is_asked_within_the_slot(left_s, expected):
    assert patience_s(left_s) == expected
