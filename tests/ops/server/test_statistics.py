"""Statistics of the steps that pilots took."""

from pilot.ops.server import statistics
from tests.pool.stories import story


def test_statistics_of_each_command_and_site(told):
    tell, reader = told
    for number in range(70):
        tell(*story(number))
    rows = {(row["command"], row["site"]): row for row in reader.read_statistics(0)["commands"]}
    check = rows[("CheckWorkerNode", "NIKHEF")]
    assert check["runs"] == 14
    assert check["ok"] == 12
    assert check["first_reason"] == check["common_reason"] != ""
    assert rows[("Install", "NIKHEF")]["ok"] == rows[("Install", "NIKHEF")]["runs"] == 12


def test_quantiles_and_waste():
    assert statistics.quantile([1.0, 2.0, 3.0, 4.0], 0.5) == 2.0
    assert statistics.quantile([], 0.5) == 0.0
    assert statistics.quantile(list(map(float, range(1, 101))), 0.95) == 95.0
    waste = statistics.wasted_hours([("A", 4, 3600.0, 7200.0, 3600.0, 360.0)])
    assert waste == [
        {
            "site": "A",
            "pilots": 1,
            "used_h": 1.0,
            "failed_h": 1.0,
            "validation_h": 0.4,
            "idle_h": 1.6,
        }
    ]


STEPS = [
    ("A", "X", "failed", "no disk", 9.0),
    ("A", "X", "ok", "", 1.0),
    ("A", "X", "timed out", "too slow", 60.0),
    ("A", "X", "failed", "no disk", 2.0),
    ("A", "X", "skipped", "", 0.0),
    ("B", "X", "ok", "", 4.0),
]


def test_skipped_steps_are_no_runs():
    row = statistics.by_command(STEPS)[0]
    assert (row["runs"], row["ok"], row["skipped"]) == (4, 1, 1)


def test_reasons_are_the_oldest_the_commonest_and_the_newest():
    row = statistics.by_command(STEPS[2:] + STEPS[:1])[0]
    told = [row[key] for key in ("first_reason", "common_reason", "last_reason")]
    assert told == ["no disk", "no disk", "too slow"]


def test_seconds_are_those_of_steps_that_ran():
    row = statistics.by_command(STEPS)[0]
    assert (row["median_s"], row["p95_s"]) == (2.0, 60.0)


def test_each_command_of_each_site_has_a_row():
    steps = STEPS + [("A", "Y", "ok", "", 1.0)]
    rows = statistics.by_command(steps)
    assert [(row["command"], row["site"]) for row in rows] == [("A", "X"), ("A", "Y"), ("B", "X")]


def test_a_pilot_that_never_got_to_work_wasted_its_whole_time():
    waste = statistics.wasted_hours([("A", 2, 1800.0, 0.0, 0.0, 9999.0)])[0]
    assert (waste["validation_h"], waste["idle_h"]) == (1.0, 0.0)


def test_pilots_of_one_site_are_added_up():
    waste = statistics.wasted_hours([("A", 1, 3600.0, 3600.0, 0.0, 0.0)] * 3)
    assert [(one["pilots"], one["used_h"]) for one in waste] == [(3, 3.0)]
