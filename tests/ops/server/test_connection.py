"""One client's connection, raw bytes in and out."""

import http.client
import json
import socket
import time

import pytest

from pilot.ops.server import connection
from pilot.pool import open_pool
from tests.conftest import until
from tests.ops.server.asking import CLAIM, JSON, REQUEST, ask, connect, post, talk
from tests.pool.asking import add


def test_requests_in_one_packet_and_in_single_bytes_are_answered_in_order(within):
    assert talk(within, REQUEST * 50, 50).count(b"200 OK") == 50
    with connect(within) as plain:
        for byte in REQUEST:
            plain.sendall(bytes([byte]))
        assert plain.recv(65536).startswith(b"HTTP/1.1 200 OK")


def test_thousands_of_requests_in_one_packet_nest_nothing(within):
    got = talk(within, b"GET /none HTTP/1.1\r\nHost: localhost\r\n\r\n" * 3000, 3000)
    assert got.count(b"404 Not Found") == 3000


def test_a_client_may_ask_whether_its_body_is_welcome(within):
    body = json.dumps({"pilot": "p"}).encode()
    head = (
        b"POST /v1/nudge HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(body)
    )
    with connect(within) as plain:
        plain.sendall(head)
        assert plain.recv(1000) == connection.CONTINUE
        plain.sendall(body)
        assert plain.recv(1000).startswith(b"HTTP/1.1 200 OK")


def test_nonsense_is_refused_and_hung_up_on(within):
    got = talk(within, b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", 1)
    assert got.startswith(b"HTTP/1.1 400")
    assert b"Connection: close" in got


def test_a_request_that_does_not_come_to_an_end_is_hung_up_on(within, monkeypatch):
    monkeypatch.setattr(connection, "HEAD_S", 0.1)
    assert talk(within, b"GET /v1/sta", 1).startswith(b"HTTP/1.1 408")


def test_memory_of_requests_is_given_back(within):
    with connect(within) as plain:
        plain.sendall(
            b"POST /v1/nudge HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            b"Content-Length: 1000\r\n\r\n" + b"x" * 500
        )
        until(lambda: within.server.house.buffered > 500)
    talk(within, REQUEST * 5, 5)
    until(lambda: within.server.house.buffered == 0 and not within.server.house.open)


def test_unfinished_bodies_have_a_limit_in_all_and_nothing_else_suffers(within, monkeypatch):
    monkeypatch.setattr(connection, "MAX_BUFFERED", 1 << 20)
    announce = post(b"", JSON, path="/v1/tasks").replace(
        b"Content-Length: 0", b"Content-Length: %d" % (7 << 20)
    )
    plains = [connect(within) for _ in range(4)]
    for plain in plains:
        plain.sendall(announce)
    for number, plain in enumerate(plains):
        plain.sendall(b"x" * 400000)
        until(lambda: within.server.house.buffered >= 400000 * min(2, number + 1))
    until(lambda: within.server.house.refused.get(503, 0) == 2)
    assert within.server.house.buffered <= 1 << 20
    assert ask(within, "GET", "/healthz")[0] == 200
    with open_pool(within.url) as pool:
        assert add(pool, "a") == (1, 0)
    for plain in plains:
        plain.close()
    until(lambda: within.server.house.buffered == 0)


def test_who_does_not_read_its_answers_is_not_read_either(within):
    with connect(within) as plain:
        plain.settimeout(0.5)
        with pytest.raises(socket.timeout):
            for _ in range(3000):
                plain.sendall(b"GET /views.js HTTP/1.1\r\nHost: localhost\r\n\r\n" * 1000)
        assert next(iter(within.server.house.open))._size < 1 << 20


def test_a_long_request_behind_a_short_one_is_read_to_its_end(within):
    body = json.dumps(
        {"tasks": [{"id": "t%d" % n, "command": ["true", "x" * 1000]} for n in range(100)]}
    ).encode()
    whole = REQUEST + post(body, JSON, path="/v1/tasks")
    with connect(within) as plain:
        plain.sendall(whole[:40000])
        until(lambda: within.server.house.requests >= 1)
        plain.sendall(whole[40000:])
        got = b""
        while got.count(b"HTTP/1.1 200") < 2:
            got += plain.recv(65536)
    assert b'{"added":100,"known":0}' in got


@pytest.mark.parametrize("start", [b"GET /v1/status", b"GET /", b"POST /nowhere"])
def test_a_body_where_none_is_wanted_is_refused_at_once(within, start):
    got = talk(
        within, start + b" HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1048576\r\n\r\n", 1
    )
    assert got.startswith(b"HTTP/1.1 404" if b"nowhere" in start else b"HTTP/1.1 413")
    assert within.server.house.buffered == 0


def test_what_was_refused_is_told_to_the_log_once(guarded):
    for token in ("nonsense", "", guarded.keys["reader"]):
        ask(guarded, "POST", "/v1/cancel", {"tasks": []}, token)
    news = guarded.call(guarded.server.house.news)
    assert "2 times HTTP 401" in news
    assert "1 times HTTP 403" in news
    assert "from 127.0.0.1" in news
    assert "it is for admin" in news
    assert guarded.call(guarded.server.house.news) == ""


def test_who_shows_no_token_has_little_time(guarded, keyring):
    for headers, least, most in (
        ({}, 10, 15),
        ({"Authorization": "Bearer " + keyring.mint("p1")}, 100, 150),
    ):
        client = http.client.HTTPConnection(guarded.url[len("http://") :], timeout=10)
        client.request("GET", "/v1/status", headers=headers)
        client.getresponse().read()
        left = guarded.call(lambda: [one.deadline for one in guarded.server.house.open][0])
        assert least < left - time.monotonic() <= most
        client.close()
        until(lambda: not guarded.server.house.open)


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
    until(lambda: guarded.server.house.refused.get(503))
    assert guarded.server.house.buffered_of["greedy"] <= connection.OWN_BYTES
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


@pytest.fixture
def house():
    return connection.Connections(None, None, 3)


def test_a_house_is_full_with_those_who_are_only_arriving(house):
    before = house.is_full()
    for _ in range(3):
        house.arrive("10.0.0.1")
    assert (before, house.is_full()) == (False, True)


def test_one_address_is_crowded_and_another_is_not(house):
    for _ in range(3):
        house.arrive("10.0.0.1")
    assert (house.is_crowded("10.0.0.1"), house.is_crowded("10.0.0.2")) == (True, False)


def test_who_has_gone_counts_no_more(house):
    house.arrive("10.0.0.1")
    house.arrived("10.0.0.1")
    assert (house.arriving, house.strangers) == (0, {})


def test_what_was_refused_is_told_once_with_the_last_words(house):
    house.refuse(403, "10.0.0.1", b"first")
    house.refuse(401, "10.0.0.2", b"second")
    told = "refused lately: 1 times HTTP 401, 1 times HTTP 403; the last, from 10.0.0.2: second"
    assert [house.news(), house.news()] == [told, ""]


def test_a_head_that_comes_again_is_parsed_once(house):
    data = b"GET / HTTP/1.1\r\nHost: x"
    assert house.head(data) is house.head(bytes(bytearray(data)))


def test_endless_heads_take_no_endless_memory(house, monkeypatch):
    monkeypatch.setattr(connection, "MAX_HEADS", 10)
    for number in range(100):
        house.head(b"GET /%d HTTP/1.1\r\nHost: x" % number)
    assert len(house._heads) <= 10
