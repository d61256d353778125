"""One client's connection, raw bytes in and out."""

import http.client
import json
import socket
import time

import pytest

from pilot.ops.server import connection
from tests.conftest import until
from tests.ops.server.asking import JSON, REQUEST, connect, post, talk


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


def test_who_does_not_read_its_answers_is_not_read_either(within):
    with connect(within) as plain:
        plain.settimeout(0.5)
        with pytest.raises(socket.timeout):
            for _ in range(3000):
                plain.sendall(b"GET /views.js HTTP/1.1\r\nHost: localhost\r\n\r\n" * 1000)
        assert next(iter(within.server.services.connections.open))._buffer.size < 1 << 20


def test_a_long_request_behind_a_short_one_is_read_to_its_end(within):
    body = json.dumps(
        {"tasks": [{"id": "t%d" % n, "command": ["true", "x" * 1000]} for n in range(100)]}
    ).encode()
    whole = REQUEST + post(body, JSON, path="/v1/tasks")
    with connect(within) as plain:
        plain.sendall(whole[:40000])
        until(lambda: within.server.services.connections.requests >= 1)
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
    assert within.server.services.connections.budget.total == 0


def test_who_shows_no_token_has_little_time(guarded, keyring):
    for headers, least, most in (
        ({}, 10, 15),
        ({"Authorization": "Bearer " + keyring.mint("p1")}, 100, 150),
    ):
        client = http.client.HTTPConnection(guarded.url[len("http://") :], timeout=10)
        client.request("GET", "/v1/status", headers=headers)
        client.getresponse().read()
        left = guarded.call(lambda: [one.deadline for one in guarded.server.services.connections.open][0])
        assert least < left - time.monotonic() <= most
        client.close()
        until(lambda: not guarded.server.services.connections.open)
