"""What the tests of the node share."""

import socket

import pytest


@pytest.fixture
def silent():
    """A server that takes connections and never answers."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(8)
    yield "http://127.0.0.1:%d/mf" % listener.getsockname()[1]
    listener.close()
