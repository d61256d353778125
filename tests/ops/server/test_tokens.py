"""Who may do what: tokens, their file, their life."""

import os

import pytest

from pilot.base import pool_token
from pilot.errors import UsageError
from pilot.ops.server import tokens
from pilot.ops.server.tokens import Identity, Keyring, BadToken
from pilot.pool import open_pool
from pilot.pool.interface import Denied, Offer


@pytest.fixture
def ring():
    return Keyring(b"s" * 64, {})


def test_a_pilots_token_names_the_pilot(ring):
    assert ring.identify(ring.mint("p1"))[:2] == ("pilot", "p1")


def test_an_expired_token_is_refused_even_if_it_was_seen_before(ring, monkeypatch):
    token = ring.mint("p1", 100)
    assert ring.identify(token).name == "p1"
    now = tokens.time.time()
    monkeypatch.setattr(tokens.time, "time", lambda: now + 101)
    with pytest.raises(BadToken, match="expired"):
        ring.identify(token)
    with pytest.raises(BadToken, match="expired"):
        ring.renew(token)


def test_a_token_is_renewed_but_not_for_ever(ring, monkeypatch):
    token, now = ring.mint("p1", 3600), tokens.time.time()
    for hour in range(1, 48 * 20):
        monkeypatch.setattr(tokens.time, "time", lambda: now + hour * 1800)
        try:
            token = ring.renew(token, 3600)
        except BadToken as error:
            assert "as old as it may become" in str(error) or "expired" in str(error)
            assert hour * 1800 >= tokens.RENEWABLE_S - 3600
            return
        assert ring.identify(token).name == "p1"
    raise AssertionError("it was renewed for ever")


@pytest.mark.parametrize(
    "spoil",
    [
        lambda t: t[:-2],
        lambda t: t + "A",
        lambda t: t.replace("pilot1.", "pilot1.AA"),
        lambda t: "pilot1.." + t.split(".")[2],
        lambda t: t.split(".")[0] + "." + t.split(".")[1],
        lambda t: "pilot1.\u00e9.x",
        lambda t: "",
        lambda t: "x" * 9000,
    ],
)
def test_what_was_changed_is_refused(ring, spoil):
    with pytest.raises(BadToken):
        ring.identify(spoil(ring.mint("p1")))


def test_another_secret_refuses_all(ring):
    with pytest.raises(BadToken, match="not signed by this server"):
        Keyring(b"t" * 64, {}).identify(ring.mint("p1"))


def test_the_file_keeps_hashes_and_is_nobody_elses(tmp_path):
    path = str(tmp_path / "tokens")
    admin, reader = tokens.add_token(path, "admin", "alice"), tokens.add_token(
        path, "reader", "bob"
    )
    text = (tmp_path / "tokens").read_text()
    assert admin not in text
    assert oct(os.stat(path).st_mode & 0o777) == "0o600"
    ring = tokens.read_keyring(path)
    assert ring.identify(admin) == Identity("admin", "alice")
    assert ring.identify(reader) == Identity("reader", "bob")
    with pytest.raises(BadToken):
        ring.identify("nonsense")


@pytest.mark.parametrize(
    "text, mode, words",
    [
        ("admin a " + "0" * 64, 0o600, "no line `secret HEX`"),
        ("secret " + "a" * 32 + "\nking a " + "0" * 64, 0o600, "line 2"),
        ("secret " + "a" * 32, 0o644, "chmod 600"),
        ("secret short", 0o600, "line 1"),
        ("secret " + "a" * 32 + "\npilot a " + "0" * 64, 0o600, "line 2"),
    ],
)
def test_a_file_with_mistakes_is_told(tmp_path, text, mode, words):
    path = tmp_path / "tokens"
    path.write_text(text)
    path.chmod(mode)
    with pytest.raises(UsageError, match=words):
        tokens.read_keyring(str(path))


def test_a_file_that_is_not_there_is_told():
    with pytest.raises(UsageError, match="cannot be read"):
        tokens.read_keyring("/no/file")


@pytest.mark.parametrize(
    "role, name", [("pilot", "x"), ("king", "x"), ("admin", ""), ("admin", "a b")]
)
def test_what_no_token_is_made_for(tmp_path, role, name):
    with pytest.raises(UsageError):
        tokens.add_token(str(tmp_path / "t"), role, name)


def test_the_pilots_side_finds_a_token_and_when_to_renew_it(tmp_path, ring):
    (tmp_path / "t").write_text(" filed \n")
    assert pool_token.find({"PILOT_POOL_TOKEN": " given "}) == "given"
    assert pool_token.find({"PILOT_POOL_TOKEN_FILE": str(tmp_path / "t")}) == "filed"
    assert pool_token.find({"BEARER_TOKEN": "wlcg"}) == "wlcg"
    with pytest.raises(pool_token.NoToken):
        pool_token.find({"PILOT_POOL_TOKEN_FILE": "/no/file"})
    now = tokens.time.time()
    assert 1700 < pool_token.renewal(ring.mint("p1", 3600), now) - now < 1900
    assert pool_token.renewal("an-operators", now) == 0
    assert pool_token.renewal("pilot1.%%.x", now) == 0


CLAIM_WORDS = (Offer(), 1, 300.0, "r:1")


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
