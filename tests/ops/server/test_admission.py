"""Who may send a request."""

import pytest

from pilot.pool import open_pool
from pilot.pool.interface import Denied
from tests.ops.server.asking import JSON, post, talk


@pytest.mark.parametrize(
    "request_bytes, status",
    [
        (post(b'{"pilot": "p"}'), 415),
        (post(b'{"pilot": "p"}', "Content-Type: text/plain"), 415),
        (post(b'{"pilot": "p"}', JSON, "Origin: https://evil.example"), 403),
        (post(b'{"pilot": "p"}', JSON, host="evil.example"), 403),
        (post(b'{"pilot": "p"}', JSON, host="127.0.0.1.evil.example"), 403),
        (b"GET /v1/status HTTP/1.1\r\nHost: evil.example\r\n\r\n", 403),
        (
            post(b'{"pilot": "p"}', JSON, "Origin: http://localhost:8420", host="localhost:8420"),
            200,
        ),
        (post(b'{"pilot": "p"}', JSON + "; charset=utf-8", host="[::1]:8420"), 200),
        (post(b'{"pilot": "p"}', JSON, host="127.0.0.1:1"), 200),
    ],
)
def test_a_page_of_others_in_an_operators_browser_can_do_nothing(within, request_bytes, status):
    assert talk(within, request_bytes, 1).startswith(b"HTTP/1.1 %d" % status)


def test_a_client_with_and_without_its_token(guarded, monkeypatch):
    with open_pool(guarded.url, environ={}) as pool, pytest.raises(
        Denied, match="a token is needed"
    ):
        pool.status()
    with open_pool(guarded.url, environ={"PILOT_POOL_TOKEN": guarded.keys["pilot"]}) as pool:
        assert pool.status()["todo"] == 0
        with pytest.raises(Denied, match="is for admin"):
            pool.cancel(["x"])
