"""The API as clients meet it: a server in a thread, raw sockets and plain requests."""

import pytest

from pilot.ops.server import server as servers, tokens
from pilot.pool import open_pool
from pilot.pool.interface import Denied
from tests.ops.server.asking import CLAIM, JSON, ask, post, talk


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


def test_a_stranger_is_refused_before_its_body_is_taken(guarded):
    got = talk(
        guarded,
        post(b"", JSON, path="/v1/tasks").replace(
            b"Content-Length: 0", b"Content-Length: 60000000"
        ),
        1,
    )
    assert got.startswith(b"HTTP/1.1 401")
    assert b"WWW-Authenticate: Bearer" in got
    assert guarded.server.house.buffered == 0


def test_a_client_with_and_without_its_token(guarded, monkeypatch):
    with open_pool(guarded.url, environ={}) as pool, pytest.raises(
        Denied, match="a token is needed"
    ):
        pool.status()
    with open_pool(guarded.url, environ={"PILOT_POOL_TOKEN": guarded.keys["pilot"]}) as pool:
        assert pool.status()["todo"] == 0
        with pytest.raises(Denied, match="is for admin"):
            pool.cancel(["x"])


def test_a_client_renews_its_token_in_time(guarded, monkeypatch):
    from pilot.base import pool_token

    short = ask(
        guarded, "POST", "/v1/tokens", {"pilot": "p1", "seconds": 60}, guarded.keys["admin"]
    )[1]["token"]
    with open_pool(guarded.url, environ={"PILOT_POOL_TOKEN": short}) as pool:
        pool.status()
        now = pool_token.time.time()
        monkeypatch.setattr(pool_token.time, "time", lambda: now + 45)
        pool.status()
        monkeypatch.setattr(pool_token.time, "time", lambda: now + 3600)
        assert pool.status()["todo"] == 0
        assert pool._bearer.build_headers()["Authorization"] != "Bearer " + short


def test_an_admins_body_holds_the_loop_no_longer_than_its_parts_take(guarded, tmp_path):
    admin = tokens.add_token(str(tmp_path / "tokens"), "admin", "other")
    guarded.server.keyring = tokens.read_keyring(str(tmp_path / "tokens"))
    assert (
        ask(
            guarded, "POST", "/v1/tasks", raw=b'{"tasks":[' + b"[]," * 600000 + b"[]]}", token=admin
        )[0]
        == 413
    )
    assert (
        ask(guarded, "POST", "/v1/tasks", raw=b"{" + b" " * (8 << 20) + b"}", token=admin)[0] == 413
    )


def test_a_pilot_cannot_halt_the_loop_with_empty_lists(guarded, keyring):
    token = keyring.mint("p1")
    body = b'{"pilot":"p1","finals":[' + b"[]," * 600000 + b"[]]}"
    assert ask(guarded, "POST", "/v1/next", raw=body, token=token)[0] == 413
    status, told = ask(
        guarded, "POST", "/v1/next", raw=b"{" + b" " * (servers.PILOT_BYTES) + b"}", token=token
    )
    assert status == 413
    assert ask(guarded, "POST", "/v1/next", dict(CLAIM, finals=[]), token=token)[0] == 200
