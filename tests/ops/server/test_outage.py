"""Times in which nothing was served do not count for leases."""

import pytest

from pilot.ops.server import outage


class Store:
    """Notes what is asked of it."""

    def __init__(self):
        self.extended, self.noted = [], 0

    def extend_leases(self, seconds):
        self.extended.append(seconds)

    def note_served(self):
        self.noted += 1


@pytest.fixture
def now(monkeypatch):
    times = [1000.0]
    monkeypatch.setattr(outage.time, "monotonic", lambda: times[0])
    return times


def test_a_short_pause_is_no_outage(now):
    tracker, store = outage.OutageTracker(), Store()
    now[0] += outage.GAP_S
    tracker.begin_batch(store)
    assert store.extended == []


def test_leases_are_prolonged_by_an_outage_once(now):
    tracker, store = outage.OutageTracker(), Store()
    now[0] += 60
    tracker.begin_batch(store)
    tracker.commit_batch()
    tracker.begin_batch(store)
    assert store.extended == [60.0]


def test_while_transactions_fail_all_time_is_one_outage(now):
    tracker, store = outage.OutageTracker(), Store()
    tracker.begin_batch(store)
    tracker.mark_failing()
    for _ in range(4):
        now[0] += 1
        tracker.measure_gap()
    tracker.begin_batch(store)
    assert store.extended == [4.0]


def test_an_idle_server_records_its_service_now_and_then(now):
    tracker, store = outage.OutageTracker(), Store()
    tracker.begin_batch(store)
    tracker.commit_batch()
    assert not tracker.is_record_due()
    now[0] += outage.NOTE_S + 1
    assert tracker.is_record_due()
    tracker.mark_failing()
    assert not tracker.is_record_due()
    assert store.noted == 1
