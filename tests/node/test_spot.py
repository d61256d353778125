"""A spot machine's notice, from a metadata service that the test plays."""

import pytest

from pilot.node import spot
from tests.test_fetch import Server


@pytest.fixture
def server():
    one = Server()
    yield one
    one.close()


@pytest.mark.parametrize("status, body, found", [
    (200, b'{"action": "terminate", "time": "2026-11-20T12:00:00Z"}', {"the spot machine's notice": 1795176000.0}), (404, b"", {}), (500, b"", None), (200, b"nonsense", {}), (200, b"[]", {})])
def test_the_notice_is_read(server, status, body, found):
    server.replies = [(200, b"TOKEN", None), (status, body, None)]
    assert spot.ends(server.url) == found
    assert [method for method, _, _ in server.seen][:2] == ["PUT", "GET"]


def test_a_service_without_tokens_takes_no_notice_back(server):
    server.replies = [(404, b"", None)]
    assert spot.ends(server.url) is None


def test_a_service_that_does_not_answer_is_not_believed():
    assert spot.ends("http://127.0.0.1:1") is None
