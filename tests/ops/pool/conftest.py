"""A pool with two tasks."""

import pytest

from pilot.ops.pool.__main__ import main


@pytest.fixture
def filled(tmp_path, tasks_file):
    place = "sqlite:%s/pool.sqlite" % tmp_path
    path = tasks_file({"id": "a", "command": ["echo", "hello"]}, {"id": "b", "script": "exit 1\n"})
    assert main(["add", place, path]) == 0
    return place
