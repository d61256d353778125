"""What can be wrong with the agent's options before anything runs."""

import pytest

from pilot.agent.options import find_problems

GOOD = {
    "pool": "",
    "tasks": "",
    "task": "",
    "slots": None,
    "lease_s": 300.0,
    "transfer_tokens": {},
    "transfer_proxy": "",
}


def test_nothing_is_wrong_with_the_defaults():
    assert find_problems(GOOD) == []


@pytest.mark.parametrize(
    "given, sentence",
    [
        ({"slots": 0}, "--slots must be 1 or more"),
        ({"lease_s": 0.5}, "--lease-s must be 1 or more"),
        ({"transfer_proxy": "/no/proxy"}, "--transfer-proxy: there is no file /no/proxy"),
        ({"tasks": "/dev"}, "--tasks /dev: is no regular file; fill a pool from it: python3 -m"),
        ({"task": "/dev"}, "--task /dev: is no regular file; it takes a file with one JSON object"),
        ({"tasks": "/no/tasks"}, "/no/tasks: cannot be read"),
        ({"task": "/no/task"}, "/no/task: cannot be read"),
        ({"pool": "ftp://x"}, "--pool: 'ftp://x' is not a pool"),
    ],
)
def test_a_mistake_is_one_sentence(given, sentence):
    told = find_problems(dict(GOOD, **given))
    assert [one[: len(sentence)] for one in told] == [sentence]


def test_each_line_that_is_no_task_is_told(tmp_path):
    (tmp_path / "tasks").write_text('{"id": "a"}\n{"command": ["true"]}\nnonsense\n')
    told = find_problems(dict(GOOD, tasks=str(tmp_path / "tasks")))
    assert [one.split(": ")[0].rpartition(", ")[2] for one in told] == ["line 1", "line 3"]


def test_good_tasks_are_no_problem(tasks_file):
    assert find_problems(dict(GOOD, tasks=tasks_file({"command": ["true"]}))) == []
