"""The table of worlds."""

from pilot.ops.ship.worlds import WORLDS, useless_options


def test_a_world_uses_what_it_was_given():
    assert useless_options(WORLDS["slurm"], {"queue": "long", "count": 3}, {}) == []


def test_what_is_as_it_was_anyway_is_no_mistake():
    assert useless_options(WORLDS["arc"], {"count": 1}, {"count": 1}) == []


def test_each_option_of_no_use_is_reported():
    assert useless_options(WORLDS["arc"], {"image": "x", "count": 2}, {"count": 1}) == [
        "arc has no --count: it would change nothing there",
        "arc has no --image: it would change nothing there",
    ]
