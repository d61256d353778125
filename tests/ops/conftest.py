"""The pools and servers that tests of pools have, for the server's own tests."""

import pytest

from tests.pool.conftest import *  # noqa: F401,F403
from tests.pool.served import Served


@pytest.fixture
def served(tmp_path):
    """A server as a program, of pool.sqlite in the test's folder."""
    one = Served(tmp_path)
    yield one
    one.kill()
