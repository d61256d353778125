"""The clock of leases."""

import time

from pilot.agent import clock


def test_it_never_runs_behind_the_clock_that_durations_are_measured_with():
    before = time.monotonic()
    assert clock.boot_s() >= before


def test_it_counts_from_the_machines_start():
    with open("/proc/uptime") as stream:
        up_s = float(stream.read().split()[0])
    assert clock.boot_s() >= up_s - 1


def test_where_there_is_no_such_clock_it_is_the_monotonic_one(monkeypatch):
    monkeypatch.setattr(clock, "_BOOTTIME", 9999)
    before = time.monotonic()
    assert before <= clock.boot_s() <= time.monotonic()
