"""A database of tokens, and the pool in it."""

import pytest

from pilot.pool import open_pool
from tests.pool.conftest import clock, couch, within  # noqa: F401


@pytest.fixture
def pool(couch):  # noqa: F811
    with open_pool(couch.url, create=True) as one:
        yield one
