"""What an exported task must look like before another pool takes it in."""

import json

import pytest

from pilot.pool import exported

ATTEMPT = {
    "generation": 1,
    "pilot": "p1",
    "started": 10.0,
    "ended": 20.0,
    "outcome": "error",
    "reason": "exit code 1",
    "result": {"exit_code": 1},
}
TASK = {
    "id": "a",
    "command": ["true"],
    "state": "error",
    "generation": 1,
    "attempts_used": 1,
    "releases": 0,
    "seconds_left": None,
    "pilot": None,
    "reason": "exit code 1",
    "added": 5.0,
    "attempts": [ATTEMPT],
}


def test_what_a_pool_exports_has_no_problem(pool):
    pool.add([{"id": "a", "command": ["true"]}])
    assert [exported.find_problems(one) for one in pool.export()] == [[]]


def test_a_task_in_the_midst_of_an_attempt_has_none():
    running = dict(ATTEMPT, ended=None, outcome=None, reason=None, result=None)
    assert exported.find_problems(dict(TASK, state="locked", attempts=[running])) == []


def test_the_task_itself_is_what_was_added():
    assert exported.spec_of(TASK) == {"id": "a", "command": ["true"]}


@pytest.mark.parametrize(
    "changes, sentence",
    [
        ({"state": "lost"}, "task 'a': state is none of todo, locked, done, error, held"),
        ({"generation": -1}, "task 'a': generation is no whole number"),
        ({"generation": True}, "task 'a': generation is no whole number"),
        ({"attempts_used": 1.5}, "task 'a': attempts_used is no whole number"),
        ({"releases": "1"}, "task 'a': releases is no whole number"),
        ({"added": "yesterday"}, "task 'a': added or reason is malformed"),
        ({"reason": ["x"]}, "task 'a': added or reason is malformed"),
        ({"attempts": {}}, "task 'a': attempts is no list of attempts"),
        ({"attempts": [{}]}, "task 'a': attempts is no list of attempts"),
        ({"attempts": [dict(ATTEMPT, more=1)]}, "task 'a': attempts is no list of attempts"),
        ({"attempts": [dict(ATTEMPT, started=-1)]}, "task 'a': attempts is no list of attempts"),
        ({"attempts": [dict(ATTEMPT, result=[])]}, "task 'a': attempts is no list of attempts"),
    ],
)
def test_a_mistake_is_one_sentence(changes, sentence):
    assert exported.find_problems(dict(TASK, **changes)) == [sentence]


def test_a_task_without_an_id_is_told():
    nameless = {key: value for key, value in TASK.items() if key != "id"}
    assert exported.find_problems(nameless) == ["a task: has no id"]


def test_what_is_wrong_with_the_task_itself_is_told_too():
    assert exported.find_problems(dict(TASK, colour="red")) == ["task 'a': unknown key 'colour'"]


@pytest.mark.parametrize("value", [[], "x", None, 7])
def test_what_is_no_object_is_told(value):
    assert exported.find_problems(value) == ["an exported task is an object {...}"]


def test_tasks_come_one_by_one_and_blank_lines_are_nothing():
    mistakes = []
    lines = [json.dumps(TASK) + "\n", "\n", json.dumps(dict(TASK, id="b")) + "\n"]
    found = [one["id"] for one in exported.each_task("f", lines, mistakes)]
    assert (found, mistakes) == (["a", "b"], [])


def test_a_mistake_is_told_with_its_line_and_the_others_come():
    mistakes = []
    lines = ["nonsense", json.dumps(TASK), json.dumps(dict(TASK, state="x"))]
    found = [one["id"] for one in exported.each_task("f", lines, mistakes)]
    assert found == ["a"]
    assert [one.split(": ")[0] for one in mistakes] == ["f, line 1", "f, line 3"]


def test_of_endless_mistakes_the_first_are_kept():
    mistakes = []
    list(exported.each_task("f", ["nonsense"] * 5000, mistakes))
    assert mistakes[-1].startswith("f, line 100: not JSON")
