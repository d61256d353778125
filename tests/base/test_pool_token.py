"""A pilot's token: where it is found, what it says of itself, when it is renewed."""

import base64
import json
import os
import time

import pytest

from pilot.base import pool_token
from pilot.base.fetch import FetchFailed
from pilot.base.pool_token import Bearer
from pilot.ops.server.tokens import Keyring


def token_of(claims):
    """A token that says this of itself; nobody has signed it."""
    text = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return "pilot1.%s.x" % text


class Server:
    """Answers each question for a new token in the same way."""

    def __init__(self, status, text):
        self.status, self.text, self.asked = status, text, []

    def ask(self, *words):
        self.asked.append(words)
        return self.status, self.text.encode()


def test_the_pilots_side_finds_a_token_and_when_to_renew_it(tmp_path):
    ring = Keyring(b"s" * 64, {})
    (tmp_path / "t").write_text(" filed \n")
    assert pool_token.find({"PILOT_POOL_TOKEN": " given "}) == "given"
    assert pool_token.find({"PILOT_POOL_TOKEN_FILE": str(tmp_path / "t")}) == "filed"
    assert pool_token.find({"BEARER_TOKEN": "wlcg"}) == "wlcg"
    with pytest.raises(pool_token.NoToken):
        pool_token.find({"PILOT_POOL_TOKEN_FILE": "/no/file"})
    now = time.time()
    assert 1700 < pool_token.renewal(ring.mint("p1", 3600), now) - now < 1900
    assert pool_token.renewal("an-operators", now) == 0
    assert pool_token.renewal("pilot1.%%.x", now) == 0


def test_a_renewed_token_outlives_a_single_refusal():
    environ = {"PILOT_POOL_TOKEN": "first"}
    one = Bearer(environ, Server(200, '{"token": "renewed"}'))
    assert one.build_headers() == {"Authorization": "Bearer first"}
    one._renew_at = 1.0
    assert one.build_headers() == {"Authorization": "Bearer renewed"}
    one.note_refusal()
    assert one.build_headers() == {"Authorization": "Bearer renewed"}
    environ["PILOT_POOL_TOKEN"] = "fresh"
    one.note_refusal()
    assert one.build_headers() == {"Authorization": "Bearer fresh"}


def test_settings_name_the_token_in_the_pilots_variables(tmp_path, monkeypatch):
    monkeypatch.chdir(str(tmp_path))
    found = pool_token.variables({"pool_token": "t", "pool_token_file": "f"})
    assert found == {"PILOT_POOL_TOKEN": "t", "PILOT_POOL_TOKEN_FILE": str(tmp_path / "f")}


def test_settings_without_a_token_name_none():
    assert pool_token.variables({"pool_token": None}) == {}


def test_without_any_token_there_is_none(tmp_path):
    assert pool_token.find({"XDG_RUNTIME_DIR": str(tmp_path)}) == ""


@pytest.mark.parametrize(
    "content, words",
    [(b" \n", "is empty"), (b"\xff\xfe", "cannot be read"), (None, "No such file")],
)
def test_a_token_file_that_holds_none_is_named(tmp_path, content, words):
    path = tmp_path / "token"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(pool_token.NoToken, match="%s.*%s" % (path, words)):
        pool_token.find({"PILOT_POOL_TOKEN_FILE": str(path)})


def test_files_are_those_that_are_there_behind_their_links(tmp_path):
    (tmp_path / "key").write_text("k")
    (tmp_path / "real").write_text("t")
    (tmp_path / "token").symlink_to(tmp_path / "real")
    environ = {
        "X509_USER_KEY": str(tmp_path / "key"),
        "BEARER_TOKEN_FILE": str(tmp_path / "none"),
        "XDG_RUNTIME_DIR": str(tmp_path),
    }
    found = pool_token.files(environ, {"pool_token_file": str(tmp_path / "token")})
    ours = [path for path in found if path.startswith(str(tmp_path))]
    assert ours == [os.path.realpath(str(tmp_path / name)) for name in ("key", "real")]


def test_a_pilots_token_tells_what_it_says_of_itself():
    assert pool_token.claims_of(token_of({"n": "p1", "e": 5})) == {"n": "p1", "e": 5}


@pytest.mark.parametrize(
    "token", ["", "a.b.c", "pilot1.e30", "pilot1.%%.x", "pilot1.AAAA.x", token_of([1])]
)
def test_what_is_no_pilots_token_says_nothing(token):
    assert pool_token.claims_of(token) == {}


def test_a_token_that_ends_is_renewed_at_half_its_life():
    assert pool_token.renewal(token_of({"e": 3000}), 1000.0) == 2000.0


def test_a_token_that_has_ended_is_renewed_soon():
    assert pool_token.renewal(token_of({"e": 10}), 1000.0) == 1001.0


def test_a_token_that_never_ends_is_not_renewed():
    assert pool_token.renewal(token_of({"n": "p1"}), 1000.0) == 0.0


def test_without_a_token_no_header_is_sent(tmp_path):
    assert Bearer({"XDG_RUNTIME_DIR": str(tmp_path)}, Server(200, "")).build_headers() == {}


def test_the_server_is_asked_for_a_new_token_with_the_old_one():
    server = Server(200, '{"token": "renewed"}')
    one = Bearer({"PILOT_POOL_TOKEN": "first"}, server)
    one.build_headers()
    one._renew_at = 1.0
    one.build_headers()
    assert server.asked[0][:2] == ("POST", "/v1/tokens/renew")
    assert server.asked[0][3]["Authorization"] == "Bearer first"


@pytest.mark.parametrize(
    "status, text", [(403, "{}"), (200, "no JSON"), (200, "{}"), (200, "[]"), (200, "null")]
)
def test_a_server_that_renews_nothing_leaves_the_old_token(status, text):
    one = Bearer({"PILOT_POOL_TOKEN": "first"}, Server(status, text))
    one.build_headers()
    one._renew_at = 1.0
    assert one.build_headers() == {"Authorization": "Bearer first"}


def test_a_server_that_cannot_be_reached_leaves_the_old_token():
    class Gone:
        def ask(self, *words):
            raise FetchFailed("gone")
    one = Bearer({"PILOT_POOL_TOKEN": "first"}, Gone())
    one.build_headers()
    one._renew_at = 1.0
    assert one.build_headers() == {"Authorization": "Bearer first"}


def test_after_a_renewal_that_failed_the_server_is_left_alone_for_a_while():
    server = Server(403, "{}")
    one = Bearer({"PILOT_POOL_TOKEN": "first"}, server)
    one.build_headers()
    one._renew_at = 1.0
    one.build_headers()
    one.build_headers()
    assert len(server.asked) == 1


@pytest.fixture
def start():
    """A start token that this process has not seen."""
    return "start1.%s.x" % os.urandom(8).hex()


def test_a_start_token_is_exchanged_once_by_all_of_a_process(start):
    server = Server(200, '{"token": "own"}')
    environ = {"PILOT_POOL_TOKEN": start, "PILOT_ID": "farm-1"}
    for _ in range(2):
        assert Bearer(environ, server).build_headers() == {"Authorization": "Bearer own"}
    ((method, path, body, headers, _),) = server.asked
    assert (method, path, json.loads(body.decode())) == (
        "POST", "/v1/tokens/exchange", {"id": "farm-1"},
    )
    assert headers["Authorization"] == "Bearer " + start


def test_a_child_gets_the_newest_token_of_its_own(start):
    environ = {"PILOT_POOL_TOKEN": start, "PILOT_ID": "farm-1"}
    assert pool_token.own_variables(environ, {}) == {}
    bearer = Bearer(environ, Server(200, '{"token": "own"}'))
    bearer.build_headers()
    assert pool_token.own_variables(environ, {}) == {"PILOT_POOL_TOKEN": "own"}
    assert pool_token.own_variables({}, {"pool_token": start}) == {"PILOT_POOL_TOKEN": "own"}
    bearer._session.text, bearer._renew_at = '{"token": "renewed"}', 1.0
    bearer.build_headers()
    assert pool_token.own_variables(environ, {}) == {"PILOT_POOL_TOKEN": "renewed"}


def test_a_refused_start_token_gives_the_servers_sentence(start):
    bearer = Bearer({"PILOT_POOL_TOKEN": start}, Server(403, '{"error": "it is used up"}'))
    with pytest.raises(pool_token.NoToken, match="HTTP 403: it is used up"):
        bearer.build_headers()


@pytest.mark.parametrize("status, text", [(502, "<html>"), (200, "[]"), (200, "{}"), (500, "{}")])
def test_another_servers_answer_is_a_failure_that_may_pass(start, status, text):
    bearer = Bearer({"PILOT_POOL_TOKEN": start}, Server(status, text))
    with pytest.raises(FetchFailed, match="no pool's answer"):
        bearer.build_headers()
    bearer._session.status, bearer._session.text = 200, '{"token": "own"}'
    assert bearer.build_headers() == {"Authorization": "Bearer own"}
