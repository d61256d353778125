"""What of a slot is free, and for how long."""

from types import SimpleNamespace

import pytest

from pilot.agent.capacity import Capacity
from pilot.agent.timing import MARGIN_S
from pilot.agent.slot import Slot
from pilot.node.deadline import Deadline
from tests.agent.running import shown


def test_what_this_node_cannot_run_stays_in_the_pool(run):
    ended = run(
        [{"id": "big", "command": ["true"], "cores": 1000}, {"id": "small", "command": ["true"]}]
    )
    assert ended.code == 0
    assert ended.report["tasks"]["done"] == 1
    assert shown(ended, "big")["state"] == "todo"


def test_max_walltime_ends_payloads_and_gives_their_tasks_back(run):
    ended = run(
        [{"id": "a", "command": ["sleep", "60"]}],
        "--max-walltime",
        "5",
        "--stop-grace-s",
        "0.5",
        "--min-task-s",
        "1",
    )
    assert ended.code == 60
    assert ended.report["tasks"]["released"] == 1
    assert ended.status("LaunchAgent") == "failed"
    found = shown(ended, "a")
    assert found["state"] == "todo"
    assert found["attempts_used"] == 0
    assert "--max-walltime" in found["reason"]


@pytest.mark.parametrize("words, state", [((), "todo"), (("--min-task-s", "20"), "done")])
def test_a_task_that_does_not_say_how_long_it_takes_needs_a_while(run, words, state):
    ended = run(
        [{"id": "a", "command": ["true"]}, {"id": "b", "command": ["true"], "walltime_s": 1}],
        "--max-walltime",
        "50",
        *words,
    )
    assert shown(ended, "a")["state"] == state
    assert shown(ended, "b")["state"] == "done"
    assert ("--min-task-s without walltime_s" in ended.err) == (state == "todo")


def test_no_task_is_claimed_that_cannot_end_in_time(run):
    ended = run(
        [
            {"id": "long", "command": ["true"], "walltime_s": 1000},
            {"id": "short", "command": ["true"], "walltime_s": 1},
        ],
        "--max-walltime",
        "60",
    )
    assert ended.code == 0
    assert shown(ended, "long")["state"] == "todo"
    assert shown(ended, "short")["state"] == "done"


def test_a_pilot_without_time_for_any_work_is_out_of_time(run):
    ended = run([{"id": "a", "command": ["true"]}], "--max-walltime", "2")
    assert ended.code == 60
    assert shown(ended, "a")["state"] == "todo"


@pytest.fixture
def slot(config):
    """A slot of four cores that ends in so many seconds: `slot(100.0)`."""

    def make(left_s=None):
        fixed = {} if left_s is None else {"--max-walltime": left_s}
        wide = config._replace(slots=4, cores=4, memory_mb=4000, gpus=["0/a", "1/b"])
        return Slot(wide, Deadline(fixed, dict, [], lambda: 1000.0))

    return make


def payload(gpus=(), **spec):
    return SimpleNamespace(spec=spec, gpus=list(gpus))


def test_a_slot_without_a_known_end_has_no_time_left_to_tell(slot):
    assert slot().time_left_s() is None


def test_a_payload_has_less_time_than_the_slot(slot, config):
    assert slot(100.0).time_left_s() == 100.0 - config.stop_grace_s - MARGIN_S


def test_what_runs_is_taken_from_the_slot(slot):
    left = slot().free([payload(["0/a"], cores=2, memory_mb=1000), payload()])
    assert left == Capacity(2, 1, 3000, ["1/b"])


def test_what_is_left_is_offered(slot):
    offer = slot(104.0).offer([payload(["0/a"], cores=3)])
    assert (offer.cores, offer.gpus, offer.time_left_s) == (1, 1, 100.0)


def test_a_full_slot_offers_nothing(slot):
    assert slot().offer([payload(cores=4)]) is None


def test_a_slot_whose_end_is_near_offers_nothing(slot):
    assert slot(3.0).offer([]) is None
