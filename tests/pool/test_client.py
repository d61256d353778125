"""The client before answers that are none, tokens that are refused, ends that are not taken."""

import json
import socket
import threading

import pytest

from pilot.errors import UsageError
from pilot.events.pool_server import PoolServer
from pilot.events.sender import SendFailed
from pilot.base.fetch import FetchFailed
from pilot.base.session import Session
from pilot.pool import open_pool
from pilot.pool.interface import Busy, Final, Offer
from tests.ops.server.asking import ask
from tests.pool.asking import add, claim
from tests.conftest import steady


class Odd:
    """A server that answers every request with the same bytes, all at once or one after the
    other."""

    def __init__(self, answer, pause=0.0):
        self._answer, self._pause = answer, pause
        self._listener = socket.socket()
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen(5)
        self.url = "http://127.0.0.1:%d" % self._listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                plain, _ = self._listener.accept()
            except OSError:
                return
            with plain:
                plain.recv(65536)
                try:
                    if not self._pause:
                        plain.sendall(self._answer)
                    for at in range(len(self._answer) if self._pause else 0):
                        plain.sendall(self._answer[at:at + 1])
                        threading.Event().wait(self._pause)
                except OSError:
                    pass

    def close(self):
        self._listener.close()


@pytest.fixture
def odd():
    made = []

    def make(answer, pause=0.0):
        made.append(Odd(answer, pause))
        return made[-1]
    yield make
    for one in made:
        one.close()


def answer(status, body, more=""):
    return (
        "HTTP/1.1 %s\r\nContent-Length: %d\r\nConnection: close\r\n%s\r\n%s"
        % (status, len(body), more, body)
    ).encode()


NONSENSE = [
    answer("200 OK", "{}"),
    answer("200 OK", "<html>"),
    answer("200 OK", "[1]"),
    answer("302 Found", "", "Location: http://x/\r\n"),
    answer("404 Not Found", "default backend"),
    answer("200 OK", '{"states": 1, "leases": [{}], "stale": [1]}'),
    answer("405 No", "{}"),
    answer("502 Bad", "<html>"),
    b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nhalf",
    b"",
    b"SSH-2.0",
]


@pytest.mark.parametrize("data", NONSENSE)
def test_nonsense_is_busy_and_nothing_worse(odd, data):
    with open_pool(odd(data).url, environ={}) as pool:
        for question in (
            lambda: pool.next([Final("a", 1, "done", "", {})], "p", Offer(), 1, 300.0, "r"),
            lambda: pool.renew("p", [("a", 1)], 300.0),
            pool.status,
            pool.pending,
        ):
            with pytest.raises(Busy):
                question()


GOOD = {
    "task": "a",
    "generation": 1,
    "attempt": 1,
    "seconds": 300.0,
    "spec": {"id": "a", "command": ["true"]},
}
LIES = [
    dict(GOOD, spec={}),
    dict(GOOD, spec={"id": "a"}),
    dict(GOOD, spec={"id": "b", "command": ["true"]}),
    dict(GOOD, spec={"id": "a", "command": "true"}),
    dict(
        GOOD,
        spec={
            "id": "a",
            "command": ["true"],
            "inputs": [{"url": "/etc/hostname", "name": "../../evil"}],
        },
    ),
    dict(GOOD, spec={"id": "a", "command": ["true"], "env": {"A": 1}}),
    dict(GOOD, spec={"id": "a", "command": ["true"], "outputs": [{"name": "/etc/x"}]}),
    dict(GOOD, generation="1"),
    dict(GOOD, generation=-1),
    dict(GOOD, generation=True),
    dict(GOOD, attempt=None),
    dict(GOOD, seconds="300"),
    dict(GOOD, seconds=-1),
    dict(GOOD, seconds=1e30),
    dict(GOOD, task=["a"]),
    dict(GOOD, task="b"),
    [],
    None,
    "a",
]


@pytest.mark.parametrize("lease", LIES, ids=[str(n) for n in range(len(LIES))])
def test_a_lease_that_add_would_refuse_is_not_run(odd, lease):
    with open_pool(
        odd(answer("200 OK", json.dumps({"states": [], "leases": [lease], "waited_s": 0}))).url,
        environ={},
    ) as pool:
        with pytest.raises(Busy, match="no pool's answer"):
            pool.next([], "p", Offer(), 1, 300.0, "r")


@pytest.mark.parametrize(
    "text",
    [
        '{"states": [], "leases": %s, "waited_s": 0}' % json.dumps([GOOD, GOOD]),
        "[" * 100000,
        '{"states": ' + "[" * 5000 + "]" * 5000 + "}",
        '{"states": [["a", 1e999, "done"]], "leases": [], "waited_s": 0}',
    ],
)
def test_more_than_was_asked_for_and_endless_nesting_are_no_answer(odd, text):
    with open_pool(odd(answer("200 OK", text)).url, environ={}) as pool:
        with pytest.raises(Busy):
            pool.next([], "p", Offer(), 1, 300.0, "r")


@pytest.mark.parametrize("data", [data for data in NONSENSE if b"200 OK" not in data])
def test_events_are_not_thrown_away_because_of_nonsense(odd, data):
    with pytest.raises(SendFailed) as caught:
        PoolServer(odd(data).url, {}).send([{"pilot": "p", "seq": 1, "event": "x"}])
    assert not caught.value.final


def test_an_answer_that_drips_is_not_waited_for_for_ever(odd):
    began = steady()
    with pytest.raises(FetchFailed):
        Session(odd(answer("200 OK", '{"a": "%s"}' % ("x" * 500)), 0.02).url).ask(
            "GET", "/", None, {}, 1.0
        )
    assert steady() - began < 8


@pytest.mark.parametrize(
    "url",
    [
        "http://",
        "http://[::1",
        "http://h:abc",
        "https://:80",
        "picas+http://h:abc/db",
        "picas+http://h",
    ],
)
def test_addresses_that_are_none_are_told(url):
    with pytest.raises(UsageError):
        open_pool(url)


def test_a_password_in_an_address_is_refused_and_not_shown():
    with pytest.raises(UsageError) as caught:
        open_pool("http://u:hunter22@127.0.0.1:1")
    assert "hunter22" not in str(caught.value) and "--pool-token-file" in str(caught.value)


def test_an_end_that_is_refused_costs_that_end_alone(within):
    with open_pool(within.url) as pool:
        add(pool, "a", "b", "c")
        leases = claim(pool, count=3)
        finals = [Final(lease.task, lease.generation, "done", "", {}) for lease in leases]
        finals[0] = finals[0]._replace(reason="x" * 5000)
        finals[1] = finals[1]._replace(outcome="nonsense")
        states, more = pool.next(finals, "p1", Offer(), 1, 300.0, "n")
        assert states == {("a", 1): "done", ("b", 1): "stale", ("c", 1): "done"} and more == []
        assert len(pool.show("a")["attempts"][0]["reason"]) == 500


@pytest.mark.parametrize("status", ["400 Bad", "409 No", "413 Large", "401 No"])
def test_what_a_right_server_never_refuses_may_be_answered_another_time(odd, status):
    """An agent's own questions end no agent."""
    with open_pool(odd(answer(status, '{"error": "x"}')).url, environ={}) as pool:
        for question in (
            lambda: pool.next([], "p", Offer(), 1, 300.0, "r"),
            lambda: pool.renew("p", [("a", 1)], 300.0),
            lambda: pool.backlog(Offer()),
            lambda: pool.nudge("p"),
        ):
            with pytest.raises(Busy):
                question()


def test_a_server_says_which_pilots_it_heard(within):
    with open_pool(within.url) as pool:
        events = [
            {"pilot": "p%d" % number, "seq": 5, "event": kind}
            for number, kind in enumerate(("pilot started", "pilot finished", "pilot submitted"))
        ]
        assert ask(within, "POST", "/v1/events", {"events": events})[0] == 200
        asked = ["p0", "p1", "p2", "nobody"] + ["x%d" % number for number in range(1500)]
        assert pool.heard(asked, 300) == {"p0"}
        assert pool.heard([], 300) == set()
