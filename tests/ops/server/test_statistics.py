"""Statistics of the steps that pilots took."""

from pilot.ops.server import statistics
from tests.pool.stories import story


def test_statistics_of_each_command_and_site(told):
    tell, reader = told
    for number in range(70):
        tell(*story(number))
    rows = {(row["command"], row["site"]): row for row in reader.statistics(0)["commands"]}
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
