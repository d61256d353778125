"""Tasks are shared out over sites, each once."""

import random

import pytest

from pilot.ops.factory.demand import Place, share_tasks, tasks_per_pilot
from tests.ops.factory.conftest import make_need, make_site


@pytest.mark.parametrize(
    "site, need, count",
    [
        ({}, {}, 1),
        ({"cores": 8}, {}, 8),
        ({"cores": 8}, {"cores": 3}, 2),
        ({"cores": 2}, {"cores": 3}, 0),
        ({"cores": 8, "memory_mb": 16000}, {"memory_mb": 4000}, 4),
        ({"cores": 8, "memory_mb": 16000}, {"memory_mb": 17000}, 0),
        ({"cores": 8}, {"memory_mb": 17000}, 8),  # the site's memory is not known
        ({"cores": 8, "gpus": 2}, {"gpus": 1}, 2),
        ({}, {"gpus": 1}, 0),
        ({"walltime_s": 3600.0}, {"walltime_s": 3500.0}, 1),
        ({"walltime_s": 3600.0}, {"walltime_s": 3590.0}, 0),  # the pilot needs a while to start
        ({}, {"tags": ("a",)}, 0),
        ({"tags": ("a", "b")}, {"tags": ("a",)}, 1),
        ({}, {"container": True}, 1),
        ({"containers": False}, {"container": True}, 0),
        ({"containers": False}, {"container": False}, 1),
    ],
)
def test_how_many_tasks_a_pilot_runs_at_once(site, need, count):
    assert tasks_per_pilot(make_site(**site), make_need(1, **need)) == count


def shares(needs, *places):
    plan = share_tasks(needs, list(places))
    return {name: tuple(share) for name, share in plan.shares.items()}


def place(name, room=100.0, is_open=True, **more):
    return Place(make_site(name, **more), room, is_open)


def test_equal_sites_share_equally():
    assert shares([make_need(7)], place("a"), place("b")) == {"a": (4, 4), "b": (3, 3)}


def test_by_weight():
    found = shares([make_need(12)], place("a", weight=2.0), place("b"))
    assert found == {"a": (8, 8), "b": (4, 4)}


def test_preferred_sites_come_first_as_far_as_they_have_room():
    found = shares([make_need(12)], place("a", room=5.0, prefer=1), place("b"))
    assert found == {"a": (5, 5), "b": (7, 7)}


def test_what_exceeds_all_room_counts_for_the_preferred_sites():
    found = shares([make_need(12)], place("a", room=5.0, prefer=1), place("b", room=2.0))
    assert found == {"a": (10, 10), "b": (2, 2)}


def test_closed_sites_get_nothing_while_others_are_open():
    assert shares([make_need(4)], place("a", is_open=False), place("b"))["b"] == (4, 4)
    assert shares([make_need(4)], place("a", is_open=False))["a"] == (4, 4)


def test_pilots_are_packed_by_cores():
    needs = [make_need(10), make_need(3, cores=4)]
    assert shares(needs, place("a", cores=8)) == {"a": (13, 3)}  # 10/8 and 3/2


def test_thirds_add_up_to_a_whole():
    assert shares([make_need(1), make_need(1), make_need(1)], place("a", cores=3)) == {"a": (3, 1)}


@pytest.mark.parametrize(
    "need, words",
    [
        ({"memory_mb": 64000}, "14 tasks need 64000 MB, the largest site offers 32000"),
        ({"cores": 9}, "14 tasks need 9 cores, the largest site offers 8"),
        ({"gpus": 1}, "14 tasks need 1 GPUs, the largest site offers 0"),
        ({"walltime_s": 7200.0}, "14 tasks need 7200 s, the longest slot has 3600 s"),
        ({"tags": ("{x}", "b")}, "14 tasks need the tags {x}, b, which no suitable site offers together"),
        ({"container": True}, "14 tasks need containers, which no suitable site has: `containers = no`"),
    ],
)
def test_tasks_that_no_site_can_run_are_told(need, words):
    places = [
        place("a", cores=8, memory_mb=32000, walltime_s=3600.0, containers=False),
        place("b", memory_mb=1000, walltime_s=60.0, containers=False),
    ]
    assert share_tasks([make_need(14, **need)], places).unmet == [words]


def test_no_task_is_lost_or_wanted_twice():
    source = random.Random(7)
    for _ in range(500):
        sites = [
            place("s%d" % number, source.choice([0.0, 1.0, 3.5, 50.0]), source.random() < 0.7,
                  weight=source.choice([0.1, 1.0, 7.0]), prefer=source.randrange(3),
                  cores=source.choice([1, 2, 8]))
            for number in range(source.randrange(1, 6))
        ]
        needs = [make_need(source.randrange(40), cores=1) for _ in range(3)]
        total = sum(tasks for tasks, _ in shares(needs, *sites).values())
        assert total == sum(need.todo for need in needs)
