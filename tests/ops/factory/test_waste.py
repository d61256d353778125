"""What slots were used for."""

import pytest

from pilot.ops.factory.use import Use
from pilot.ops.factory.waste import Hours, Span, sum_waste

DAY = 1.6e9  # 2020-09-13T12:26:40Z


def span(use, site="main", started=DAY + 3600, ended=DAY + 7200, cores=2, walltime_s=7200.0):
    return Span(site, cores, walltime_s, DAY, started, ended, use)


def test_the_parts_of_a_pilots_hours_add_up():
    (row,) = sum_waste([span(Use(360.0, 3600.0, 360.0, 720.0))])
    assert (row.day, row.site, row.pilots) == ("2020-09-13", "main", 1)
    assert row.hours == pytest.approx(Hours(
        asked=4.0, queue=1.0, allocated=2.0, setup=0.2, well=1.0, failed=0.1, idle=0.3, after_last=0.4,
    ))
    assert row.hours.efficiency == pytest.approx(0.5)
    assert sum(row.hours[3:]) == pytest.approx(row.hours.allocated)


def test_pilots_are_summed_by_day_and_site():
    rows = sum_waste([span(None), span(None), span(None, site="b"), span(None, ended=DAY + 86400)])
    assert [(row.day, row.site, row.pilots) for row in rows] == [
        ("2020-09-13", "b", 1), ("2020-09-13", "main", 2), ("2020-09-14", "main", 1),
    ]
    assert rows[1].hours.unreported == pytest.approx(4.0)


def test_a_pilot_that_never_started_waited_only():
    (row,) = sum_waste([span(None, started=None)])
    assert row.hours == Hours(asked=4.0, queue=2.0)
    assert row.hours.efficiency == 0.0


def test_a_pilot_with_a_clock_of_its_own_uses_no_more_than_it_was_given():
    (row,) = sum_waste([span(Use(1e9, 1e9, 1e9, 1e9))])
    assert (row.hours.well, row.hours.idle, row.hours.setup) == (2.0, 0.0, 0.0)


def test_a_clock_that_was_set_back_gives_no_negative_hours():
    (row,) = sum_waste([span(None, started=DAY + 7200, ended=DAY)])
    assert min(row.hours) == 0.0
