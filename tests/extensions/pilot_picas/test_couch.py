"""A CouchDB database as tokens need it."""

import pytest

from pilot.errors import PoolUnreachable
from pilot.pool import open_pool
from pilot.pool.interface import Busy, Denied


def test_what_the_database_says_is_told(couch, pool):
    for status, error in ((401, Denied), (500, Busy)):
        couch.fail = status
        with pytest.raises(error, match="told to fail"):
            pool.status()
    couch.fail = 0
    couch.databases.clear()
    with pytest.raises(PoolUnreachable, match="makes a database"):
        pool.status()


def test_a_password_is_not_in_any_sentence(couch):
    couch.close()
    with open_pool(couch.url) as gone, pytest.raises(Busy) as caught:
        gone.status()
    assert "hunter22" not in str(caught.value)
