"""The API as clients meet it: a server in a thread, raw sockets and plain requests."""

from pilot.pool import open_pool
from tests.ops.server.asking import ask


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
        assert pool._calls._bearer.build_headers()["Authorization"] != "Bearer " + short
