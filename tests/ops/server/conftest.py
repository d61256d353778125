"""Servers with tokens, and a story that is written and read."""

import pytest

from pilot.ops.server import story as stories, story_file, tokens
from pilot.ops.server.reader import Reader
from pilot.pool import sqlite
from tests.pool.conftest import Within


@pytest.fixture
def keyring(tmp_path):
    """`keys` has a token of each role that a file can name."""
    path = str(tmp_path / "tokens")
    keys = {role: tokens.add_token(path, role, role) for role in ("admin", "factory", "reader")}
    one = tokens.read_keyring(path)
    one.keys = keys
    return one


@pytest.fixture
def guarded(tmp_path, keyring):
    """A server with tokens; `keys` has one of each role, the pilot's is p1's."""
    one = Within(tmp_path / "guarded.sqlite", keyring)
    one.keys = dict(keyring.keys, pilot=keyring.mint("p1"))
    yield one
    one.close()


@pytest.fixture
def told(tmp_path):
    """(tell, reader): a story file that is written and read."""
    path = str(tmp_path / "p.sqlite")
    sqlite.SQLitePool(path, create=True).close()
    one, reader = stories.Story(story_file.path_of(path)), Reader(path, story_file.path_of(path))

    def tell(*events):
        with one.batch():
            return one.add_events(list(events))

    tell.story = one
    yield tell, reader
    reader.close()
    one.close()
