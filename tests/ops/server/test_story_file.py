"""The file of the stories: locked, damaged."""

import sqlite3

import pytest

from pilot.pool import open_pool
from pilot.pool.interface import Busy
from tests.ops.server.asking import ask
from tests.pool.asking import add, claim
from tests.pool.conftest import Within
from tests.pool.stories import story


def test_a_story_that_is_only_locked_is_not_thrown_away(tmp_path, told):
    tell, reader = told
    tell(*story(1))
    other = sqlite3.connect(str(tmp_path / "p.sqlite.story"), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(Busy):
        tell(*story(2))
    other.execute("ROLLBACK")
    other.close()
    assert tell(*story(2)) == len(story(2))
    assert not list(tmp_path.glob("*damaged*"))


def test_a_damaged_story_costs_no_task(tmp_path):
    (tmp_path / "p.sqlite.story").write_bytes(b"no database " * 1000)
    server = Within(tmp_path / "p.sqlite")
    with open_pool(server.url) as pool:
        assert add(pool, "a") == (1, 0)
        assert ask(server, "POST", "/v1/events", {"events": story(1)})[0] == 200
        server.call(lambda: server.server.services.story._db.execute("DROP TABLE story.events"))
        assert ask(server, "POST", "/v1/events", {"events": story(2)})[0] == 503
        assert claim(pool)[0].task == "a"
    server.close()
    assert list(tmp_path.glob("p.sqlite.story.damaged-*"))
