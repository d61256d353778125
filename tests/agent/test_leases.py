"""Leases in danger."""

from pilot.agent.leases import Leases


def test_leases_in_danger_are_those_not_renewed_in_time():
    now = [0.0]
    leases = Leases(300.0, 2.0, lambda: now[0])
    leases.add(("a", 1), 0.0)
    leases.add(("b", 1), 0.0)
    assert (leases.every_s(), leases.in_danger()) == (60.0, [])
    now[0] = 290.0
    leases.renewed([("b", 1), ("gone", 1)], 240.0)
    assert leases.in_danger() == [("a", 1)]
    leases.drop(("a", 1))
    assert leases.in_danger() == [] and leases.keys() == [("b", 1)]
