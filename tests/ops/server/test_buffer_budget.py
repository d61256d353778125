"""Memory of unfinished bodies is limited."""

import socket

from pilot.ops.server import buffer_budget
from pilot.pool import open_pool
from tests.conftest import until
from tests.ops.server.asking import CLAIM, JSON, REQUEST, ask, connect, post, talk
from tests.pool.asking import add


def test_memory_of_requests_is_given_back(within):
    with connect(within) as plain:
        plain.sendall(
            b"POST /v1/nudge HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            b"Content-Length: 1000\r\n\r\n" + b"x" * 500
        )
        until(lambda: within.server.services.connections.budget.total > 500)
    talk(within, REQUEST * 5, 5)
    until(lambda: within.server.services.connections.budget.total == 0 and not within.server.services.connections.open)


def test_unfinished_bodies_have_a_limit_in_all_and_nothing_else_suffers(within, monkeypatch):
    monkeypatch.setattr(buffer_budget, "MAX_BUFFERED", 1 << 20)
    announce = post(b"", JSON, path="/v1/tasks").replace(
        b"Content-Length: 0", b"Content-Length: %d" % (7 << 20)
    )
    plains = [connect(within) for _ in range(4)]
    for plain in plains:
        plain.sendall(announce)
    for number, plain in enumerate(plains):
        plain.sendall(b"x" * 400000)
        until(lambda: within.server.services.connections.budget.total >= 400000 * min(2, number + 1))
    until(lambda: within.server.services.connections.refusals.by_status.get(503, 0) == 2)
    assert within.server.services.connections.budget.total <= 1 << 20
    assert ask(within, "GET", "/healthz")[0] == 200
    with open_pool(within.url) as pool:
        assert add(pool, "a") == (1, 0)
    for plain in plains:
        plain.close()
    until(lambda: within.server.services.connections.budget.total == 0)


def test_what_one_pilot_holds_under_way_is_bounded(guarded, keyring):
    host, port = guarded.url[len("http://") :].split(":")
    head = (
        "POST /v1/next HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        "Authorization: Bearer %s\r\nContent-Length: %d\r\n\r\n"
    )
    greedy = []
    for _ in range(4):
        one = socket.create_connection((host, int(port)))
        one.sendall((head % (keyring.mint("greedy"), 1900000)).encode() + b"x" * 1800000)
        greedy.append(one)
    until(lambda: guarded.server.services.connections.refusals.by_status.get(503))
    assert guarded.server.services.connections.budget.by_pilot["greedy"] <= buffer_budget.OWN_BYTES
    assert (
        ask(
            guarded,
            "POST",
            "/v1/next",
            dict(CLAIM, pilot="modest", finals=[]),
            token=keyring.mint("modest"),
        )[0]
        == 200
    )
    for one in greedy:
        one.close()
