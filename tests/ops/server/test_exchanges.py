"""Start tokens: what they are good for, and how often."""

import os
import sqlite3

import pytest

from pilot.ops.server import tokens
from pilot.pool import open_pool
from tests.ops.server.asking import ask
from tests.pool.conftest import Within


@pytest.fixture
def start(guarded):
    """A start token for two pilots whose ids begin with `farm-`."""
    given = {"prefix": "farm-", "count": 2, "seconds": 3600}
    return ask(guarded, "POST", "/v1/tokens/start", given, guarded.keys["factory"])[1]["token"]


def exchange(server, token, pilot):
    """The new token, or status and sentence of the refusal."""
    status, told = ask(server, "POST", "/v1/tokens/exchange", {"id": pilot}, token)
    return told["token"] if status == 200 else (status, told["error"])


def test_a_pilot_gets_a_token_of_its_own(guarded, keyring, start):
    own = exchange(guarded, start, "farm-7")
    who = keyring.identify(own)
    assert (who.role, who.name) == ("pilot", "farm-7")
    assert ask(guarded, "GET", "/v1/status", token=own)[0] == 200


def test_each_pilot_exchanges_three_times_and_no_more_pilots_than_it_is_for(guarded, start):
    for pilot in ("farm-1", "farm-2"):
        for _ in range(3):
            assert isinstance(exchange(guarded, start, pilot), str)
        assert exchange(guarded, start, pilot) == (
            403, "pilot %s has exchanged this start token 3 times" % pilot,
        )
    assert exchange(guarded, start, "farm-3") == (
        403, "2 pilots have exchanged this start token, which is for as many",
    )


def test_the_counts_outlive_the_server_and_the_file_keeps_a_hash(tmp_path, keyring):
    start = keyring.start_token("farm-", 2, 3600)
    for expected in ([True, True], [True, False]):
        server = Within(tmp_path / "p.sqlite", keyring)
        try:
            given = [isinstance(exchange(server, start, "farm-1"), str) for _ in range(2)]
        finally:
            server.close()
        assert given == expected
    db = sqlite3.connect(str(tmp_path / "p.sqlite"))
    ((kept, pilot, times),) = db.execute("SELECT token, pilot, times FROM exchanges").fetchall()
    db.close()
    assert (pilot, times, len(kept), kept in start) == ("farm-1", 3, 64, False)


def test_other_ids_are_refused(guarded, start):
    assert exchange(guarded, start, "other-1") == (
        403, "this start token is for pilots whose ids begin with farm-, not other-1",
    )


@pytest.mark.parametrize(
    "method, path, body",
    [
        ("POST", "/v1/tokens/renew", {}),
        ("POST", "/v1/tokens", {"pilot": "farm-1"}),
        ("POST", "/v1/events", {"events": []}),
        ("GET", "/v1/status", None),
        ("GET", "/v1/tasks", None),
        ("GET", "/v1/demand", None),
    ],
)
def test_it_is_good_for_nothing_else(guarded, start, method, path, body):
    assert ask(guarded, method, path, body, start)[0] == 403


def test_nobody_but_a_factory_and_an_admin_makes_one(guarded):
    for role in ("reader", "pilot"):
        status, _ = ask(
            guarded, "POST", "/v1/tokens/start", {"prefix": "farm-"}, guarded.keys[role]
        )
        assert status == 403
    assert exchange(guarded, guarded.keys["factory"], "farm-1")[0] == 403


def test_one_that_has_ended_is_refused_and_forgotten(guarded, keyring, start, monkeypatch, tmp_path):
    later = tokens.time.time() + 3601
    assert isinstance(exchange(guarded, start, "farm-1"), str)
    monkeypatch.setattr(tokens.time, "time", lambda: later)
    assert exchange(guarded, start, "farm-1") == (401, "the start token of farm- has expired")
    fresh = keyring.start_token("other-", 1, 60)
    assert isinstance(exchange(guarded, fresh, "other-1"), str)
    db = sqlite3.connect(str(tmp_path / "guarded.sqlite"))
    assert db.execute("SELECT pilot FROM exchanges").fetchall() == [("other-1",)]
    db.close()


def test_withdrawing_a_prefix_ends_start_tokens_and_what_they_gave(guarded, keyring, start, tmp_path):
    own = exchange(guarded, start, "farm-1")
    other = keyring.mint("farmer")
    ask(guarded, "POST", "/v1/tokens/withdraw", {"pilot": "farm-*"}, guarded.keys["factory"])
    assert exchange(guarded, start, "farm-2") == (401, "the start token of farm- was withdrawn")
    assert ask(guarded, "GET", "/v1/status", token=own)[0] == 401
    assert ask(guarded, "GET", "/v1/status", token=other)[0] == 200
    again = tokens.read_keyring(str(tmp_path / "tokens"))
    for token in (start, own):
        with pytest.raises(tokens.BadToken, match="was withdrawn"):
            again.identify(token)


def test_a_star_alone_withdraws_nobody(guarded):
    status, _ = ask(
        guarded, "POST", "/v1/tokens/withdraw", {"pilot": "*"}, guarded.keys["admin"]
    )
    assert status == 400


def test_a_forged_one_is_refused(guarded, start):
    head, _, signature = start.rpartition(".")
    for spoiled in (head + "0." + signature, start[:-2], "start1.e30.x", start.replace("start1", "pilot1")):
        assert exchange(guarded, spoiled, "farm-1")[0] == 401


def test_a_pilot_exchanges_it_once_and_does_its_work(guarded, start, pilot, tmp_path):
    """Pilot and agent are two processes."""
    with open_pool(guarded.url, environ={"PILOT_POOL_TOKEN": guarded.keys["admin"]}) as pool:
        pool.add([{"id": "t%d" % number, "script": "exec true"} for number in range(3)])
    (tmp_path / "token").write_text(start)
    (tmp_path / "token").chmod(0o600)
    ended = pilot(
        "-X", "CheckWorkerNode,LaunchAgent", "--pool", guarded.url, "--events", guarded.url,
        "--pool-token-file", tmp_path / "token", "--pilot-id", "farm-$NUMBER", "--idle-s", "0",
        env=dict(os.environ, NUMBER="5"),
    )
    assert ended.code == 0, ended.err
    assert ended.report["tasks"]["done"] == 3
    db = sqlite3.connect(str(tmp_path / "guarded.sqlite"))
    assert db.execute("SELECT pilot, times FROM exchanges").fetchall() == [("farm-5", 1)]
    db.close()
    assert ask(guarded, "GET", "/v1/pilots/farm-5", token=guarded.keys["reader"])[0] == 200


def test_a_pilot_whose_start_token_is_used_up_says_so(guarded, start, pilot, tmp_path):
    for _ in range(3):
        exchange(guarded, start, "farm-1")
    (tmp_path / "token").write_text(start)
    ended = pilot(
        "-X", "CheckWorkerNode,LaunchAgent", "--pool", guarded.url, "--pool-token-file",
        tmp_path / "token", "--pilot-id", "farm-1",
    )
    assert ended.code == 50
    assert "pilot farm-1 has exchanged this start token 3 times" in ended.err
