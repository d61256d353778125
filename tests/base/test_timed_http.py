"""Connections that give an answer up in time, heads included."""

import contextlib
import http.client
import socket
import threading

import pytest

from pilot.base import fetch, timed_http
from pilot.base.session import Session
from tests.conftest import steady


def test_a_server_that_drips_is_given_up_in_time(monkeypatch):
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(1)

    def drip():
        connection = listener.accept()[0]
        connection.recv(4096)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        try:
            while True:
                connection.sendall(b"x")
                threading.Event().wait(0.05)
        except OSError:
            connection.close()
    thread = threading.Thread(target=drip, daemon=True)
    thread.start()
    began = steady()
    with pytest.raises(fetch.FetchFailed, match="incomplete after"):
        fetch.get("http://127.0.0.1:%d/" % listener.getsockname()[1], 0.5, attempts=1)
    assert steady() - began < 5
    listener.close()
    thread.join(10)


class Dripping:
    """Sends the head of an answer byte by byte, for ever."""

    def __init__(self, what=b"HTTP/1.1 200 OK\r\nX-A: " + b"a" * 100000):
        self.listener = socket.socket()
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen(5)
        self.url = "http://127.0.0.1:%d/" % self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self._serve, args=(what,), daemon=True)
        self.thread.start()

    def _serve(self, what):
        connection = self.listener.accept()[0]
        try:
            connection.recv(4096)
            for byte in what:
                connection.sendall(bytes([byte]))
                threading.Event().wait(0.05)
        except OSError:
            pass
        connection.close()

    def close(self):
        self.listener.close()
        self.thread.join(10)


@pytest.mark.parametrize("way", ["get", "session"])
def test_a_head_that_drips_is_given_up_in_time(way):
    server, began = Dripping(), steady()
    with pytest.raises(fetch.FetchFailed):
        if way == "get":
            fetch.get(server.url, 0.5, attempts=1)
        else:
            one = Session(server.url)
            one.ask("GET", "/", None, {}, 0.5)
    assert steady() - began < 5
    if way == "session":
        one.close()
    server.close()


class Waiting:
    """A server that reads a request and answers once it is told to go on, the head first."""

    def __init__(self, *parts):
        self.go = threading.Event()
        self.listener = socket.socket()
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen(5)
        self.port = self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self._serve, args=parts, daemon=True)
        self.thread.start()

    def _serve(self, *parts):
        with contextlib.suppress(OSError):  # the test, or its client, may have ended meanwhile
            connection = self.listener.accept()[0]
            with connection:
                connection.recv(65536)
                for part in parts:
                    connection.sendall(part)
                self.go.wait(60)

    def close(self):
        self.go.set()
        self.listener.close()
        self.thread.join(10)


@pytest.fixture
def waiting():
    made = []

    def serve(*parts):
        made.append(Waiting(*parts))
        return made[-1]

    yield serve
    for server in made:
        server.close()


def test_an_answer_that_comes_in_time_is_whole(waiting):
    server = waiting(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", b"hello")
    one = timed_http.within(timed_http.TimedConnection("127.0.0.1", server.port), 60)
    one.request("GET", "/")
    assert one.getresponse().read() == b"hello"
    one.close()


def test_a_head_that_does_not_come_is_given_up_at_the_deadline(waiting):
    server = waiting(b"HTTP/1.1 200 ")
    one = timed_http.within(timed_http.TimedConnection("127.0.0.1", server.port, timeout=600), 0.2)
    one.request("GET", "/")
    with pytest.raises(socket.timeout):
        one.getresponse()
    one.close()


def test_a_body_that_does_not_come_is_given_up_at_the_deadline(waiting):
    server = waiting(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n")
    one = timed_http.within(timed_http.TimedConnection("127.0.0.1", server.port), 60)
    one.request("GET", "/")
    answer = one.getresponse()
    timed_http.within(one, 0.2)
    with pytest.raises(socket.timeout):
        answer.read()
    answer.close()
    one.close()


def test_a_deadline_that_is_over_lets_nothing_be_read(waiting):
    server = waiting(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    one = timed_http.within(timed_http.TimedConnection("127.0.0.1", server.port), -1)
    one.request("GET", "/")
    with pytest.raises(socket.timeout, match="timed out"):
        one.getresponse()
    one.close()


def test_the_time_for_the_answer_counts_from_the_end_of_the_question(waiting):
    server = waiting(b"HTTP/1.1 204 OK\r\nContent-Length: 0\r\n\r\n")
    one = timed_http.within(timed_http.TimedConnection("127.0.0.1", server.port), -1)
    one.answer_s = 60.0
    one.request("GET", "/")
    assert one.getresponse().status == 204
    one.close()


def test_a_connection_by_tls_is_bounded_in_the_same_way():
    kind = timed_http.secure()
    assert issubclass(kind, http.client.HTTPSConnection)
    ours, theirs = socket.socketpair()
    one = timed_http.within(kind("127.0.0.1"), -1)
    with ours, theirs, pytest.raises(socket.timeout):
        one.response_class(ours).begin()
