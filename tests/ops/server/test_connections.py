"""What all connections share."""

import pytest

from pilot.ops.server import connections


@pytest.fixture
def shared():
    return connections.Connections(3)


def test_the_server_is_full_with_those_who_are_only_arriving(shared):
    before = shared.is_full()
    for _ in range(3):
        shared.begin_arrival("10.0.0.1")
    assert (before, shared.is_full()) == (False, True)


def test_one_address_is_crowded_and_another_is_not(shared):
    for _ in range(3):
        shared.begin_arrival("10.0.0.1")
    assert (shared.is_crowded("10.0.0.1"), shared.is_crowded("10.0.0.2")) == (True, False)


def test_who_has_gone_counts_no_more(shared):
    shared.begin_arrival("10.0.0.1")
    shared.end_arrival("10.0.0.1")
    assert (shared.arriving, shared.strangers) == (0, {})
