"""How many tasks an agent claims, and how long it waits."""

import pytest

from pilot.agent.timing import (
    BRISK_COUNT,
    BRISK_S,
    GIVE_UP_S,
    MOST_BRISK,
    claim_count,
    patience_s,
    report_delay_s,
)


@pytest.mark.parametrize(
    "last_s, slots, max_tasks, claimed, count",
    [
        (BRISK_S, 1, None, 5, BRISK_COUNT),
        (BRISK_S / 6, 1, None, 5, 6),
        (0.0, 1, None, 5, MOST_BRISK),
        (0.0, 1, 7, 5, 2),
        (BRISK_S * 2, 1, None, 5, 1),
        (BRISK_S, 64, None, 5, 1),
        (BRISK_S, 1, 6, 5, 1),
        (BRISK_S, 1, 7, 5, 2),
    ],
)
def test_several_are_claimed_only_where_payloads_are_over_before_the_next_is_claimed(
    last_s, slots, max_tasks, claimed, count
):
    assert claim_count(last_s, slots, max_tasks, claimed) == count


@pytest.mark.parametrize(
    "last_s, ahead, expected", [(BRISK_S, 1, BRISK_S), (BRISK_S, 0, 0.0), (BRISK_S * 2, 1, 0.0)]
)
def test_an_end_waits_for_the_next_only_where_that_comes_at_once(last_s, ahead, expected):
    assert report_delay_s(last_s, ahead) == expected


@pytest.mark.parametrize(
    "left_s, expected", [(None, GIVE_UP_S), (1e6, GIVE_UP_S), (30.0, 30.0), (0.0, 1.0)]
)
def test_a_silent_pool_is_asked_within_the_slot(left_s, expected):
    assert patience_s(left_s) == expected
