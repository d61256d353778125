"""What keeps a server standing: strangers, greedy pilots, a file that goes away."""

import http.client
import json
import logging
import os
import signal
import socket
import subprocess
import sys
import time

import pytest

from pilot.errors import UsageError
from pilot.pool import open_pool
from pilot.ops.pool.__main__ import main
from pilot.pool.interface import Busy, Denied, Offer
from pilot.ops.server import connection, server as servers, tokens
from pilot.ops.server.custody import Custody
from pilot.ops.server.seldom import Seldom
from pilot.ops.server.story import Story
from tests.conftest import ROOT, steady, until
from tests.pool.asking import add, claim, finish
from tests.pool.conftest import Within
from tests.pool.served import Served
from tests.ops.server.test_server import CLAIM, ask


@pytest.fixture
def keyring(tmp_path):
    tokens.add_token(str(tmp_path / "tokens"), "admin", "me")
    return tokens.read_keyring(str(tmp_path / "tokens"))


@pytest.fixture
def guarded(tmp_path, keyring):
    one = Within(tmp_path / "served.sqlite", keyring)
    yield one
    one.close()


def stay(url, count):
    """So many connections that say nothing."""
    host, port = url[len("http://"):].split(":")
    return [socket.create_connection((host, int(port))) for _ in range(count)]


def test_more_clients_than_descriptors_wait_and_the_log_stays_short(tmp_path):
    """The server has 40 descriptors for connections; 200 come, say nothing, and go."""
    program = "import resource, sys; resource.setrlimit(resource.RLIMIT_NOFILE, (104, 104)); from pilot.ops.pool.__main__ import main; sys.exit(main(sys.argv[1:]))"
    log = open(str(tmp_path / "log"), "wb")
    child = subprocess.Popen(
        [
            sys.executable,
            "-c",
            program,
            "serve",
            "sqlite:%s/p" % tmp_path,
            "--create",
            "--listen",
            "127.0.0.1:0",
        ],
        cwd=str(ROOT),
        stdout=subprocess.PIPE,
        stderr=log,
    )
    try:
        url = child.stdout.readline().decode().split(" at ")[1].split()[0]
        crowd = stay(url, 200)
        for one in crowd:
            one.close()
        with open_pool(url) as pool:
            assert pool.status()["todo"] == 0
        child.send_signal(signal.SIGTERM)
        assert child.wait(timeout=20) == 0
    finally:
        child.kill()
        child.wait()
        child.stdout.close()
        log.close()
    assert os.path.getsize(str(tmp_path / "log")) < 2000


def test_one_address_without_a_token_leaves_room_for_others(guarded, keyring, monkeypatch):
    monkeypatch.setattr(connection, "MAX_STRANGERS", 5)
    crowd = stay(guarded.url, 5)
    until(lambda: guarded.server.house.strangers == {"127.0.0.1": 5})
    late = stay(guarded.url, 1)[0]
    assert late.recv(4096) == b""
    crowd[0].close()
    until(lambda: guarded.server.house.strangers == {"127.0.0.1": 4})
    good = http.client.HTTPConnection(guarded.url[len("http://"):], timeout=10)
    for _ in range(2):
        good.request("GET", "/v1/status", headers={"Authorization": "Bearer " + keyring.mint("p1")})
        assert good.getresponse().read()
    assert guarded.server.house.strangers == {"127.0.0.1": 4}
    for one in crowd + [late, good]:
        one.close()


def test_who_shows_no_token_has_little_time(guarded, keyring):
    for headers, least, most in (
        ({}, 10, 15),
        ({"Authorization": "Bearer " + keyring.mint("p1")}, 100, 150),
    ):
        client = http.client.HTTPConnection(guarded.url[len("http://"):], timeout=10)
        client.request("GET", "/v1/status", headers=headers)
        client.getresponse().read()
        left = guarded.call(lambda: [one.deadline for one in guarded.server.house.open][0])
        assert least < left - time.monotonic() <= most
        client.close()
        until(lambda: not guarded.server.house.open)


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


def test_what_one_pilot_holds_under_way_is_bounded(guarded, keyring):
    host, port = guarded.url[len("http://"):].split(":")
    head = "POST /v1/next HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nAuthorization: Bearer %s\r\nContent-Length: %d\r\n\r\n"
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


def test_a_pilots_tokens_are_withdrawn_for_good(guarded, keyring, tmp_path):
    token = keyring.mint("bad")
    with open_pool(guarded.url, environ={"PILOT_POOL_TOKEN": token}) as pool:
        assert pool.claim("bad", *CLAIM_WORDS) == []
        guarded.call(lambda: keyring.withdraw("bad"))
        with pytest.raises(Denied, match="was withdrawn"):
            pool.claim("bad", *CLAIM_WORDS)
    again = tokens.read_keyring(str(tmp_path / "tokens"))
    with pytest.raises(tokens.BadToken):
        again.identify(again.mint("bad"))
    assert again.identify(again.mint("good")).name == "good"
    for odd in ("", "a b", "a\nadmin x " + "0" * 64):
        with pytest.raises(ValueError):
            keyring.withdraw(odd)


CLAIM_WORDS = (Offer(), 1, 300.0, "r:1")


def test_each_kind_of_line_comes_once_a_minute_with_its_count():
    now = [0.0]
    seldom = Seldom(lambda: now[0])

    def line(text, *args):
        record = logging.LogRecord("x", logging.ERROR, "", 0, text, args, None)
        return record.getMessage() if seldom.filter(record) else None

    assert line("no room for %s", "a") == "no room for a" and line("another") == "another"
    assert [line("no room for %s", "b") for _ in range(1000)] == [None] * 1000
    now[0] = 61.0
    assert line("no room for %s", "c") == "no room for c (and 1000 more like it in the last 61 s)"


def test_one_pilots_story_does_not_push_out_anothers(tmp_path):
    story = Story(str(tmp_path / "story"), most_bytes=20000)
    with story.batch():
        assert (
            story.tell(
                [
                    {"pilot": "quiet", "seq": n, "event": "log", "lines": ["x" * 100]}
                    for n in range(1, 11)
                ]
            )
            == 10
        )
        told = story.tell(
            [
                {"pilot": "loud", "seq": n, "event": "log", "lines": ["x" * 1000]}
                for n in range(1, 101)
            ]
        )
        assert (
            5 < told < 12
            and story.tell(
                [{"pilot": "loud", "seq": 500, "event": "pilot finished", "exit_code": 0}]
            )
            == 1
        )
    assert story.rows("SELECT count(*) FROM events WHERE pilot = 'quiet'") == [(10,)]
    assert story.rows("SELECT state, dropped FROM pilots WHERE pilot = 'loud'") == [
        ("finished", 100 - told)
    ]
    story.close()


# -- the file ------------------------------------------------------------------------------------


@pytest.fixture
def served(tmp_path):
    one = Served(tmp_path)
    yield one
    one.kill()


def stopped(one):
    code = one.child.wait(timeout=20)
    one.child.stdout.close()
    return code, one.log()


@pytest.mark.parametrize("harm", ["removed", "replaced", "wal"])
@pytest.mark.skipif(sys.version_info < (3, 7), reason="3.6 copies no database")
def test_a_server_whose_file_goes_away_stops_and_keeps_what_it_had(served, tmp_path, harm):
    with open_pool(served.url) as pool:
        add(pool, *["t%d" % n for n in range(50)])
        path = tmp_path / "pool.sqlite"
        if harm == "wal":
            began = steady()
            # it looks at its file each second, and has seen this one then
            until(lambda: steady() - began > 2.5)
            os.unlink(str(path) + "-wal")
        else:
            open_pool("sqlite:%s/other" % tmp_path, create=True).close()
            path.unlink()
            if harm == "replaced":
                os.rename(str(tmp_path / "other"), str(path))
    code, log = stopped(served)
    assert code == 50 and "the server stops" in log
    rescued = next(tmp_path.glob("pool.sqlite.rescued-*"))
    assert main(["restore", "sqlite:%s/new.sqlite" % tmp_path, str(rescued)]) == 0
    with open_pool("sqlite:%s/new.sqlite" % tmp_path) as pool:
        assert pool.status()["todo"] == 50


def test_a_new_file_is_made_only_when_asked_for_and_a_broken_one_is_told(tmp_path, capsys):
    path = tmp_path / "pool.sqlite"
    words = ["serve", "sqlite:%s" % path, "--listen", "127.0.0.1:0"]
    assert (
        main(words) == 2
        and "--create makes a new pool" in capsys.readouterr().err
        and not path.exists()
    )
    path.write_bytes(b"")
    assert (
        main(words) == 2
        and main(words + ["--create"]) == 2
        and "is empty" in capsys.readouterr().err
    )
    path.unlink()
    with open_pool("sqlite:%s" % path, create=True) as pool:
        add(pool, *["t%d" % n for n in range(500)])
    with open(str(path), "r+b") as stream:
        stream.seek(8192)
        stream.write(b"\xff" * 20000)
    assert main(words) == 2 and "is damaged" in capsys.readouterr().err


@pytest.mark.parametrize("way", ["symlink", "hard link", "removed lock"])
def test_one_server_at_a_time_by_whatever_name(served, tmp_path, capsys, way):
    path, other = tmp_path / "pool.sqlite", tmp_path / "other.sqlite"
    if way == "symlink":
        other.symlink_to(path)
    elif way == "hard link":
        os.link(str(path), str(other))
    else:
        other = path
        for lock in tmp_path.glob("*.lock"):
            lock.unlink()
    assert main(["serve", "sqlite:%s" % other, "--listen", "127.0.0.1:0"]) == 2
    assert "another server serves it already" in capsys.readouterr().err


def test_locks_that_do_nothing_are_noticed(tmp_path, monkeypatch):
    (tmp_path / "p").write_bytes(b"")
    import fcntl

    monkeypatch.setattr(fcntl, "flock", lambda *words: None)
    with pytest.raises(UsageError, match="locks do nothing"):
        Custody(str(tmp_path / "p"))

    def lacking(*words):
        raise OSError(37, "No locks available")
    monkeypatch.setattr(fcntl, "flock", lacking)
    with pytest.raises(UsageError, match="has no locks: No locks available"):
        Custody(str(tmp_path / "p"))


@pytest.mark.skipif(sys.version_info < (3, 7), reason="3.6 copies no database")
def test_a_copy_is_made_while_it_is_served_and_put_back_after_a_kill(served, tmp_path, capsys):
    with open_pool(served.url) as pool:
        add(pool, *["t%d" % n for n in range(30)])
        lease = claim(pool)[0]
        assert main(["backup", "sqlite:%s/pool.sqlite" % tmp_path, str(tmp_path / "copy")]) == 0
        # never over another
        assert main(["backup", "sqlite:%s/pool.sqlite" % tmp_path, str(tmp_path / "copy")]) == 2
        add(pool, "later")
        assert (
            main(
                ["restore", "sqlite:%s/pool.sqlite" % tmp_path, str(tmp_path / "copy"), "--replace"]
            )
            == 2
            and "stop that first" in capsys.readouterr().err
        )
    served.kill()
    assert os.path.exists(str(tmp_path / "pool.sqlite-wal"))
    assert main(["restore", "sqlite:%s/pool.sqlite" % tmp_path, str(tmp_path / "copy")]) == 2
    assert (
        main(["restore", "sqlite:%s/pool.sqlite" % tmp_path, str(tmp_path / "copy"), "--replace"])
        == 0
    )
    served.start()
    with open_pool(served.url) as pool:
        assert (
            pool.show("later") is None
            and pool.status()["locked"] == 1
            and finish(pool, lease) == "done"
        )


def test_what_ended_long_ago_is_forgotten(within, capsys):
    with open_pool(within.url) as pool:
        add(pool, *["t%d" % n for n in range(5)])
        for lease in claim(pool, count=3):
            finish(pool, lease)
    assert (
        main(["purge", within.url, "--older-than", "90d", "--state", "done"]) == 0
        and capsys.readouterr().out == "0 forgotten\n"
    )
    assert (
        main(["purge", within.url, "--older-than", "0s", "--state", "done"]) == 0
        and capsys.readouterr().out == "3 forgotten\n"
    )
    with open_pool(within.url) as pool:
        assert pool.status() == {"todo": 2, "locked": 0, "done": 0, "error": 0, "held": 0} and [
            task["id"] for task in pool.export()
        ] == ["t3", "t4"]
        assert len(claim(pool, count=5)) == 2
    assert main(["purge", within.url, "--older-than", "soon", "--state", "done"]) == 2


def test_a_million_lines_need_no_memory(tmp_path):
    """Told by the peak of a child: a list of the tasks alone would take twice as much."""
    count = 60000
    with open(str(tmp_path / "many.jsonl"), "w") as stream:
        for number in range(count):
            stream.write(
                json.dumps(
                    {
                        "id": "task-%08d" % number,
                        "command": ["echo", "some words for the task", str(number)],
                        "env": {"A": "x" * 200},
                    }
                )
                + "\n"
            )
    program = "import sys; from pilot.ops.pool.__main__ import main; main(sys.argv[1:]); print(open('/proc/self/status').read().split('VmHWM:')[1].split()[0])"

    def peak_mb(*words):
        out = (
            subprocess.check_output([sys.executable, "-c", program] + list(words), cwd=str(ROOT))
            .decode()
            .splitlines()
        )
        assert out[0].startswith(str(count)), out
        return int(out[-1]) / 1024.0

    assert peak_mb("add", "sqlite:%s/a" % tmp_path, str(tmp_path / "many.jsonl")) < 50
    with open(str(tmp_path / "out.jsonl"), "w") as stream:
        subprocess.check_call(
            [sys.executable, "-m", "pilot.pool", "export", "sqlite:%s/a" % tmp_path],
            cwd=str(ROOT),
            stdout=stream,
        )
    assert peak_mb("import", "sqlite:%s/b" % tmp_path, str(tmp_path / "out.jsonl")) < 50


def test_of_many_mistakes_the_first_are_told(tmp_path, capsys):
    (tmp_path / "bad.jsonl").write_text("{}\n" * 5000)
    assert main(["add", "sqlite:%s/p" % tmp_path, str(tmp_path / "bad.jsonl")]) == 2
    told = capsys.readouterr().err.splitlines()
    assert (
        len(told) == 101
        and "4900 more lines with mistakes" in told[-1]
        and not (tmp_path / "p").exists()
    )


def test_a_full_disk_is_told_at_once(tmp_path):
    small = tmp_path / "small"
    small.mkdir()
    if os.geteuid() != 0 or subprocess.call(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(small)], stderr=subprocess.DEVNULL
    ):
        pytest.skip("tmpfs cannot be mounted here")
    with open(str(tmp_path / "log"), "wb") as log:
        child = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "pilot.pool",
                "serve",
                "sqlite:%s/p" % small,
                "--create",
                "--listen",
                "127.0.0.1:0",
            ],
            cwd=str(ROOT),
            stdout=subprocess.PIPE,
            stderr=log,
        )
    try:
        with open_pool(child.stdout.readline().decode().split(" at ")[1].split()[0]) as pool:
            with pytest.raises(Busy):
                for number in range(200):
                    add(pool, *["t%d-%d" % (number, n) for n in range(100)], env={"A": "x" * 500})
        assert (
            "ERROR" in (tmp_path / "log").read_text() and "full" in (tmp_path / "log").read_text()
        )
    finally:
        child.kill()
        child.wait()
        child.stdout.close()
        subprocess.call(["umount", "-l", str(small)])
