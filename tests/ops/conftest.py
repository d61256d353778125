"""The pools and servers that tests of pools have, for the server's own tests."""

from tests.pool.conftest import *  # noqa: F401,F403
