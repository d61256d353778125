"""What a running payload uses."""

import pytest

from pilot.base import process_tree
from pilot.agent import limits, watch


@pytest.mark.parametrize(
    "late, cpu_s, owed",
    [(100.0, 0.5, 100.0), (100.0, 60.0, 0.0), (2.0, 0.0, 0.0)],
    ids=["suspended", "a busy machine", "a little late"],
)
def test_only_a_gap_without_cpu_time_is_a_suspension(monkeypatch, late, cpu_s, owed):
    clock, used = [1000.0], [process_tree.Usage(1, 5.0, 1.0)]
    monkeypatch.setattr(watch.time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(watch.process_tree, "total", lambda tree: used[0])
    seen = watch.Watch(limits.limits_of({}))
    seen.begin()
    clock[0] += 1
    assert seen.asleep_now([]) == 0
    clock[0] += watch.SAMPLE_S + late
    used[0] = process_tree.Usage(1, 5.0 + cpu_s, 1.0)
    assert seen.asleep_now([]) == pytest.approx(owed) and seen.asleep_now([]) == 0
