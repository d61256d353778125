"""The API as clients meet it: a server in a thread, raw sockets and plain requests."""

import json
import re
import socket
import urllib.error
import urllib.request

import pytest

from pilot.pool import open_pool
from pilot.pool.interface import Busy, Denied, Final, Offer
from pilot.ops.server import connection, hub, routes, tokens
from tests.conftest import ROOT, until
from tests.pool.asking import add, claim
from tests.pool.conftest import Within
from tests.pool.stories import story

CLAIM = {"pilot": "p1", "offer": {"cores": 1}, "count": 1, "lease_s": 300, "request_id": "r1"}


def ask(server, method, path, body=None, token="", raw=None):
    """(status, value)"""
    headers = dict({"Content-Type": "application/json"}, **({"Authorization": "Bearer " + token} if token else {}))
    data = raw if raw is not None else None if body is None else json.dumps(body).encode()
    try:
        reply = urllib.request.urlopen(urllib.request.Request(server.url + path, data, headers, method=method), timeout=10)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read().decode())
    with reply:
        return reply.status, json.loads(reply.read().decode() or "null")


def test_health_and_metrics(within):
    assert ask(within, "GET", "/healthz") == (200, {"status": "ok"})
    text = urllib.request.urlopen(within.url + "/metrics", timeout=10).read().decode()
    names = {line.split(" ")[2] for line in text.splitlines() if line.startswith("# TYPE")}
    assert 'pilot_tasks{state="todo"} 0' in text
    told = re.findall(r"`(pilot_\w+)", (ROOT / "docs" / "server.md").read_text().split("`GET /metrics`")[1].split("##")[0])
    assert names | {"pilot_pilots"} == set(told)  # which is there when a pilot has told something


def test_addresses_that_are_not_there_and_methods_that_are_not_theirs(within):
    assert ask(within, "GET", "/v1/nothing")[0] == 404 and ask(within, "GET", "/v1/tasks/none")[0] == 404
    status, told = ask(within, "GET", "/v1/next")
    assert status == 405 and "POST" in told["error"]


@pytest.mark.parametrize("path, body, words", [
    ("next", {}, "pilot is missing"), ("next", dict(CLAIM, finals=[], count="1"), "count must be a whole number"), ("next", dict(CLAIM, finals=[], x=1), "no field 'x'"),
    ("next", dict(CLAIM, finals=[], offer={"cores": 1, "tags": "a"}), "offer must be"), ("next", dict(CLAIM, finals=[{"task": "a"}]), "finals must be"),
    ("next", dict(CLAIM, finals=[], count=10 ** 30), "count must be"), ("tasks", {"tasks": [{"id": "a"}]}, "either a command or a script"),
    ("tasks", {"tasks": ["x"]}, "tasks must be a list"), ("events", {"events": [{"pilot": "p"}]}, "has a event"), ("renew", {"pilot": "p", "leases": [["a"]], "lease_s": 1}, "leases must be"),
    ("events", {"events": [{"pilot": "p", "event": "x", "seq": 0}]}, "has a seq"), ("restore", {"tasks": [{"id": "a", "command": ["x"], "state": "mad"}]}, "state is none"),
    ("restore", {"tasks": [{"id": "a", "command": ["x"], "attempts": [{}]}]}, "no list of attempts")])
def test_a_request_that_is_wrong_is_one_sentence(within, path, body, words):
    status, told = ask(within, "POST", "/v1/" + path, body)
    assert status == 400 and words in told["error"], told


def test_bodies_have_limits(within):
    status, told = ask(within, "POST", "/v1/nudge", raw=b"x" * (routes.MEGABYTE + 1))
    assert status == 413 and "1048577" in told["error"]


def talk(server, data, wait_for):
    """Send raw bytes; everything that comes back until it holds so many answers, or the end."""
    with socket.create_connection(server.url[7:].split(":"), 10) as plain:
        plain.sendall(data)
        got = b""
        while got.count(b"HTTP/1.1 ") - got.count(b"100 Continue") < wait_for or not got.rpartition(b"\r\n\r\n")[2]:
            more = plain.recv(65536)
            if not more:
                break
            got += more
        return got


REQUEST = b"GET /v1/status HTTP/1.1\r\nHost: localhost\r\n\r\n"


def test_requests_in_one_packet_and_in_single_bytes_are_answered_in_order(within):
    assert talk(within, REQUEST * 50, 50).count(b"200 OK") == 50
    with socket.create_connection(within.url[7:].split(":"), 10) as plain:
        for byte in REQUEST:
            plain.sendall(bytes([byte]))
        assert plain.recv(65536).startswith(b"HTTP/1.1 200 OK")


def test_thousands_of_requests_in_one_packet_nest_nothing(within):
    got = talk(within, b"GET /none HTTP/1.1\r\nHost: localhost\r\n\r\n" * 3000, 3000)
    assert got.count(b"404 Not Found") == 3000


def test_a_client_may_ask_whether_its_body_is_welcome(within):
    body = json.dumps({"pilot": "p"}).encode()
    head = b"POST /v1/nudge HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(body)
    with socket.create_connection(within.url[7:].split(":"), 10) as plain:
        plain.sendall(head)
        assert plain.recv(1000) == connection.CONTINUE
        plain.sendall(body)
        assert plain.recv(1000).startswith(b"HTTP/1.1 200 OK")


def test_nonsense_is_refused_and_hung_up_on(within):
    got = talk(within, b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", 1)
    assert got.startswith(b"HTTP/1.1 400") and b"Connection: close" in got


def test_a_request_that_does_not_come_to_an_end_is_hung_up_on(within, monkeypatch):
    monkeypatch.setattr(connection, "HEAD_S", 0.1)
    assert talk(within, b"GET /v1/sta", 1).startswith(b"HTTP/1.1 408")


def test_more_connections_than_allowed_wait_until_one_has_gone(within):
    within.server.house.max_connections = 2
    first = [socket.create_connection(within.url[7:].split(":"), 10) for _ in range(2)]
    until(lambda: len(within.server.house.open) == 2)
    with socket.create_connection(within.url[7:].split(":"), 10) as late:
        late.sendall(REQUEST)
        late.settimeout(0.5)
        with pytest.raises(socket.timeout):
            late.recv(4096)
        for one in first:
            one.close()
        late.settimeout(60)
        assert late.recv(4096).startswith(b"HTTP/1.1 200")


def test_memory_of_requests_is_given_back(within):
    with socket.create_connection(within.url[7:].split(":"), 10) as plain:
        plain.sendall(b"POST /v1/nudge HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n" + b"x" * 500)
        until(lambda: within.server.house.buffered > 500)
    talk(within, REQUEST * 5, 5)
    until(lambda: within.server.house.buffered == 0 and not within.server.house.open)


def post(body, *lines, path="/v1/nudge", host="localhost"):
    return ("\r\n".join(("POST %s HTTP/1.1" % path, "Host: " + host, "Content-Length: %d" % len(body)) + lines) + "\r\n\r\n").encode() + body


JSON = "Content-Type: application/json"


@pytest.mark.parametrize("request_bytes, status", [
    (post(b'{"pilot": "p"}'), 415), (post(b'{"pilot": "p"}', "Content-Type: text/plain"), 415), (post(b'{"pilot": "p"}', JSON, "Origin: https://evil.example"), 403),
    (post(b'{"pilot": "p"}', JSON, host="evil.example"), 403), (post(b'{"pilot": "p"}', JSON, host="127.0.0.1.evil.example"), 403),
    (b"GET /v1/status HTTP/1.1\r\nHost: evil.example\r\n\r\n", 403), (post(b'{"pilot": "p"}', JSON, "Origin: http://localhost:8420", host="localhost:8420"), 200),
    (post(b'{"pilot": "p"}', JSON + "; charset=utf-8", host="[::1]:8420"), 200), (post(b'{"pilot": "p"}', JSON, host="127.0.0.1:1"), 200)])
def test_a_page_of_others_in_an_operators_browser_can_do_nothing(within, request_bytes, status):
    assert talk(within, request_bytes, 1).startswith(b"HTTP/1.1 %d" % status)


def test_unfinished_bodies_have_a_limit_in_all_and_nothing_else_suffers(within, monkeypatch):
    monkeypatch.setattr(connection, "MAX_BUFFERED", 1 << 20)
    announce = post(b"", JSON, path="/v1/tasks").replace(b"Content-Length: 0", b"Content-Length: %d" % (7 << 20))
    plains = [socket.create_connection(within.url[7:].split(":"), 10) for _ in range(4)]
    for plain in plains:
        plain.sendall(announce)
    for number, plain in enumerate(plains):
        plain.sendall(b"x" * 400000)
        until(lambda: within.server.house.buffered >= 400000 * min(2, number + 1))
    until(lambda: within.server.house.refused.get(503, 0) == 2)
    assert within.server.house.buffered <= 1 << 20 and ask(within, "GET", "/healthz")[0] == 200
    with open_pool(within.url) as pool:
        assert add(pool, "a") == (1, 0)
    for plain in plains:
        plain.close()
    until(lambda: within.server.house.buffered == 0)


def test_who_does_not_read_its_answers_is_not_read_either(within):
    with socket.create_connection(within.url[7:].split(":"), 10) as plain:
        plain.settimeout(0.5)
        with pytest.raises(socket.timeout):
            for _ in range(3000):
                plain.sendall(b"GET /views.js HTTP/1.1\r\nHost: localhost\r\n\r\n" * 1000)
        assert next(iter(within.server.house.open))._size < 1 << 20


def test_a_long_request_behind_a_short_one_is_read_to_its_end(within):
    body = json.dumps({"tasks": [{"id": "t%d" % n, "command": ["true", "x" * 1000]} for n in range(100)]}).encode()
    whole = REQUEST + post(body, JSON, path="/v1/tasks")
    with socket.create_connection(within.url[7:].split(":"), 10) as plain:
        plain.sendall(whole[:40000])
        until(lambda: within.server.house.requests >= 1)
        plain.sendall(whole[40000:])
        got = b""
        while got.count(b"HTTP/1.1 200") < 2:
            got += plain.recv(65536)
    assert b'{"added":100,"known":0}' in got


@pytest.mark.parametrize("start", [b"GET /v1/status", b"GET /", b"POST /nowhere"])
def test_a_body_where_none_is_wanted_is_refused_at_once(within, start):
    got = talk(within, start + b" HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1048576\r\n\r\n", 1)
    assert got.startswith(b"HTTP/1.1 404" if b"nowhere" in start else b"HTTP/1.1 413") and within.server.house.buffered == 0


# -- waiting for work --------------------------------------------------------------------------------------------------


def waiting(within):
    return within.server.hub.waiting


def start(target):
    """Run it in a thread; call the result for what it gave."""
    import threading
    found = []
    thread = threading.Thread(target=lambda: found.append(target()))
    thread.start()

    def result():
        thread.join(20)
        return found[0]
    return result


def waiter(within, pilot="p1", offer=Offer(), wait_s=15.0):
    def wait():
        with open_pool(within.url) as pool:
            return [lease.task for lease in pool.next([], pilot, offer, 1, 300.0, "w-" + pilot, wait_s)[1]]
    return start(wait)


def test_a_claim_waits_until_there_is_work(within):
    found = waiter(within)
    until(lambda: waiting(within) == 1)
    with open_pool(within.url) as pool:
        add(pool, "a")
    assert found() == ["a"] and waiting(within) == 0


def test_each_of_many_waiters_gets_one_and_who_does_not_fit_waits_on(within):
    big = waiter(within, "big", Offer(cores=0))
    until(lambda: waiting(within) == 1)
    small = [waiter(within, "p%d" % n) for n in range(5)]
    until(lambda: waiting(within) == 6)
    with open_pool(within.url) as pool:
        add(pool, *["t%d" % n for n in range(3)])
        until(lambda: waiting(within) == 3)
        add(pool, *["u%d" % n for n in range(2)])
    assert sorted(sum((one() for one in small), [])) == ["t0", "t1", "t2", "u0", "u1"]
    with open_pool(within.url) as pool:
        pool.nudge("big")
    assert big() == []


def test_more_waiters_than_one_transaction_serves(within, monkeypatch):
    monkeypatch.setattr(hub, "WAITERS_AT_ONCE", 2)
    found = [waiter(within, "p%d" % n) for n in range(7)]
    until(lambda: waiting(within) == 7)
    with open_pool(within.url) as pool:
        add(pool, *["t%d" % n for n in range(7)])
    assert sorted(sum((one() for one in found), [])) == ["t%d" % n for n in range(7)]


def test_a_failed_attempts_end_of_wait_and_a_lost_lease_wake_who_waits(within, clock):
    with open_pool(within.url) as pool:
        add(pool, "a")
        claim(pool, "gone", lease_s=60)
        found = waiter(within)
        until(lambda: waiting(within) == 1)
        clock.now += 61  # the lease runs out: a failed attempt, which waits some seconds
        until(lambda: pool.show("a")["state"] == "todo")
        clock.now += 30
    assert found() == ["a"]


def test_a_released_task_wakes_who_waits(within):
    with open_pool(within.url) as pool:
        add(pool, "a")
        lease = claim(pool, "first")[0]
        found = waiter(within, "second")
        until(lambda: waiting(within) == 1)
        pool.next([Final("a", lease.generation, "released", "drained", {})], "first", Offer(), 0, 300.0, "x")
    assert found() == ["a"]


def test_a_newer_claim_of_the_same_pilot_ends_the_older(within):
    first = waiter(within)
    until(lambda: waiting(within) == 1)
    second = waiter(within)
    assert first() == []
    until(lambda: waiting(within) == 1)
    within.call(lambda: within.server.hub.nudge("p1"))
    assert second() == []


def test_a_wait_comes_to_its_end(within):
    assert waiter(within, wait_s=0.2)() == []


def test_who_hangs_up_while_it_waits_gets_nothing(within):
    body = json.dumps(dict(CLAIM, finals=[], wait_s=20)).encode()
    plain = socket.create_connection(within.url[7:].split(":"), 10)
    plain.sendall(b"POST /v1/next HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
    until(lambda: waiting(within) == 1)
    plain.close()
    until(lambda: waiting(within) == 0)
    with open_pool(within.url) as pool:
        add(pool, "a")
        assert pool.show("a")["state"] == "todo"


def test_a_nudge_that_comes_together_with_its_claim_is_not_lost(within):
    from pilot.ops.server.tasks_api import NOTHING
    heard = []

    def both():
        within.server.hub.submit_waiting(lambda: None, heard.append, "p1", 15.0, NOTHING)
        within.server.hub.nudge("p1")
    within.call(both)
    until(lambda: heard == [NOTHING])
    assert waiting(within) == 0


# -- a bug, a full disk ------------------------------------------------------------------------------------------------


def test_a_bug_costs_its_own_request_only(within, monkeypatch):
    def broken(names):
        raise RuntimeError("a bug")
    within.server.pool.cancel = broken
    with open_pool(within.url) as pool:
        add(pool, "a")
        with pytest.raises(Busy, match="has a bug here"):
            pool.cancel(["a"])
        assert pool.status()["todo"] == 1


def test_a_file_that_cannot_be_written_is_busy_and_told_so(within):
    with open_pool(within.url) as pool:
        add(pool, "a")
        within.call(lambda: within.server.pool._db.execute("PRAGMA max_page_count=1"))
        with pytest.raises(Busy, match="HTTP 503: the pool cannot be written"):
            add(pool, *["x%d" % n for n in range(3000)])
        within.call(lambda: within.server.pool._db.execute("PRAGMA max_page_count=1000000"))
        assert pool.status()["todo"] == 1 and add(pool, "b") == (1, 0)


def test_a_restored_task_with_odd_numbers_holds_up_nobody(within):
    attempt = {"generation": 1, "pilot": "p", "started": 1.0, "ended": 2.0, "outcome": "error", "reason": "", "result": None}
    with open_pool(within.url) as pool:
        pool.restore([{"id": "odd", "command": ["true"], "priority": 9, "generation": 0, "attempts": [attempt]}, {"id": "good", "command": ["true"]}])
        assert [(lease.task, lease.generation) for lease in claim(pool, count=2)] == [("odd", 2), ("good", 1)]


def test_a_damaged_story_costs_no_task(tmp_path):
    (tmp_path / "p.sqlite.story").write_bytes(b"no database " * 1000)
    server = Within(tmp_path / "p.sqlite")
    with open_pool(server.url) as pool:
        assert add(pool, "a") == (1, 0)
        assert ask(server, "POST", "/v1/events", {"events": story(1)})[0] == 200
        server.call(lambda: server.server.story._db.execute("DROP TABLE story.events"))
        assert ask(server, "POST", "/v1/events", {"events": story(2)})[0] == 503 and claim(pool)[0].task == "a"
    server.close()
    assert list(tmp_path.glob("p.sqlite.story.damaged-*"))


# -- who may do what ---------------------------------------------------------------------------------------------------


@pytest.fixture
def guarded(tmp_path):
    path = str(tmp_path / "tokens")
    keys = {role: tokens.add_token(path, role, role) for role in ("admin", "factory", "reader")}
    server = Within(tmp_path / "guarded.sqlite", tokens.read_keyring(path))
    keys["pilot"] = ask(server, "POST", "/v1/tokens", {"pilot": "p1"}, keys["factory"])[1]["token"]
    server.keys = keys
    yield server
    server.close()


BODIES = {"/v1/tasks": {"tasks": []}, "/v1/restore": {"tasks": []}, "/v1/cancel": {"tasks": []}, "/v1/claim": CLAIM, "/v1/next": dict(CLAIM, finals=[]), "/v1/nudge": {"pilot": "p1"},
          "/v1/renew": {"pilot": "p1", "leases": [], "lease_s": 300}, "/v1/tokens": {"pilot": "p1"}, "/v1/events": {"events": []},
          "/v1/finish": {"pilot": "p1", "task": "x", "generation": 1, "outcome": "done", "reason": "", "result": {}}}


@pytest.mark.parametrize("route", routes.ROUTES, ids=lambda route: "%s %s" % (route.method, route.path))
def test_each_address_is_for_its_roles_alone(guarded, route):
    path = route.path.replace("{task}", "none").replace("{pilot}", "p1")
    body = BODIES.get(route.path, {}) if route.method == "POST" else None
    for role, token in guarded.keys.items():
        if path == "/metrics" and role in route.roles:
            continue  # no JSON
        status, told = ask(guarded, route.method, path, body, token)
        allowed = not route.roles or role in route.roles
        assert (status != 403 or "no token" in str(told)) if allowed else status == 403, (role, status, told)
        assert status != 401
    assert ask(guarded, route.method, path, body)[0] == (401 if route.roles else 200)
    assert ask(guarded, route.method, path, body, "nonsense")[0] == (401 if route.roles else 200)


@pytest.mark.parametrize("path, body", [
    ("/v1/claim", dict(CLAIM, pilot="p2")), ("/v1/next", dict(CLAIM, pilot="p2", finals=[])), ("/v1/renew", {"pilot": "p2", "leases": [], "lease_s": 300}),
    ("/v1/nudge", {"pilot": "p2"}), ("/v1/events", {"events": [{"pilot": "p2", "seq": 1, "event": "log"}]}), ("/v1/finish", dict(BODIES["/v1/finish"], pilot="p2"))])
def test_a_pilot_acts_for_itself_alone(guarded, path, body):
    status, told = ask(guarded, "POST", path, body, guarded.keys["pilot"])
    assert status == 403 and "pilot p1's" in told["error"]


def test_a_refused_claim_in_anothers_name_leaves_the_others_alone(guarded):
    token = ask(guarded, "POST", "/v1/tokens", {"pilot": "p2"}, guarded.keys["admin"])[1]["token"]

    def wait():
        with open_pool(guarded.url, environ={"PILOT_POOL_TOKEN": guarded.keys["pilot"]}) as pool:
            return pool.next([], "p1", Offer(), 1, 300.0, "r", 15.0)
    found = start(wait)
    until(lambda: waiting(guarded) == 1)
    assert ask(guarded, "POST", "/v1/claim", dict(CLAIM, wait_s=5), token)[0] == 403 and waiting(guarded) == 1
    guarded.call(lambda: guarded.server.hub.nudge("p1"))
    assert found() == ({}, [])


def test_a_stranger_is_refused_before_its_body_is_taken(guarded):
    got = talk(guarded, post(b"", JSON, path="/v1/tasks").replace(b"Content-Length: 0", b"Content-Length: 60000000"), 1)
    assert got.startswith(b"HTTP/1.1 401") and b"WWW-Authenticate: Bearer" in got and guarded.server.house.buffered == 0


def test_a_pilot_tells_no_factorys_state_and_no_endless_event(guarded):
    event = {"pilot": "p1", "seq": 1, "event": "factory state"}
    assert ask(guarded, "POST", "/v1/events", {"events": [event]}, guarded.keys["pilot"])[0] == 403
    assert ask(guarded, "POST", "/v1/events", {"events": [dict(event, event="log", lines=["x" * 300000])]}, guarded.keys["pilot"])[0] == 400


def test_a_pilot_reads_its_own_story_alone(guarded):
    ask(guarded, "POST", "/v1/events", {"events": [dict(event, pilot="p1") for event in story(1)]}, guarded.keys["pilot"])
    assert ask(guarded, "GET", "/v1/pilots/p1", token=guarded.keys["pilot"])[0] == 200
    assert ask(guarded, "GET", "/v1/pilots/p2/events", token=guarded.keys["pilot"])[0] == 403


def test_a_client_with_and_without_its_token(guarded, monkeypatch):
    with open_pool(guarded.url, environ={}) as pool, pytest.raises(Denied, match="a token is needed"):
        pool.status()
    with open_pool(guarded.url, environ={"PILOT_POOL_TOKEN": guarded.keys["pilot"]}) as pool:
        assert pool.status()["todo"] == 0
        with pytest.raises(Denied, match="is for admin"):
            pool.cancel(["x"])


def test_a_client_renews_its_token_in_time(guarded, monkeypatch):
    from pilot.base import pool_token
    short = ask(guarded, "POST", "/v1/tokens", {"pilot": "p1", "seconds": 60}, guarded.keys["admin"])[1]["token"]
    with open_pool(guarded.url, environ={"PILOT_POOL_TOKEN": short}) as pool:
        pool.status()
        now = pool_token.time.time()
        monkeypatch.setattr(pool_token.time, "time", lambda: now + 45)
        pool.status()
        monkeypatch.setattr(pool_token.time, "time", lambda: now + 3600)
        assert pool.status()["todo"] == 0 and pool._bearer.headers()["Authorization"] != "Bearer " + short


# -- the page, the description -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/", "/page.js", "/page.css", "/views.js", "/draw.js"])
def test_the_page_comes_with_its_guards(within, path):
    with urllib.request.urlopen(within.url + path, timeout=10) as reply:
        body, headers = reply.read().decode(), reply.headers
    assert len(body) > 500 and "default-src 'none'" in headers["Content-Security-Policy"] and "unsafe" not in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff" and headers["X-Frame-Options"] == "DENY"
    assert "innerHTML" not in body and "<script>" not in body and " style=" not in body and "http://" not in body.replace("http://www.w3.org/2000/svg", "")


def test_the_description_is_that_of_the_server(within):
    written = json.loads((ROOT / "docs" / "openapi.json").read_text())
    assert written == json.loads(json.dumps(routes.describe_api())), "python3 -m pilot.pool openapi > docs/openapi.json"
    for path, methods in written["paths"].items():
        for method in methods:
            status, told = ask(within, method.upper(), path.replace("{task}", "none").replace("{pilot}", "none"), {} if method == "post" else None) \
                if path != "/metrics" else (200, None)
            assert status in (200, 400) or (status == 404 and "none" in told["error"]) or (status == 409 and "tokens" in path) or (status == 403 and "token" in told["error"]), (path, told)


def test_what_was_refused_is_told_to_the_log_once(guarded):
    for token in ("nonsense", "", guarded.keys["reader"]):
        ask(guarded, "POST", "/v1/cancel", {"tasks": []}, token)
    news = guarded.call(guarded.server.house.news)
    assert "2 times HTTP 401" in news and "1 times HTTP 403" in news and "from 127.0.0.1" in news and "it is for admin" in news
    assert guarded.call(guarded.server.house.news) == ""
