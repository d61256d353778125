"""What of a slot is free, and for how long."""

import pytest

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
