"""The way of each request."""

from pilot.ops.server import dispatcher, tokens
from tests.ops.server.asking import CLAIM, JSON, ask, post, talk


def test_a_stranger_is_refused_before_its_body_is_taken(guarded):
    got = talk(
        guarded,
        post(b"", JSON, path="/v1/tasks").replace(
            b"Content-Length: 0", b"Content-Length: 60000000"
        ),
        1,
    )
    assert got.startswith(b"HTTP/1.1 401")
    assert b"WWW-Authenticate: Bearer" in got
    assert guarded.server.services.connections.budget.total == 0


def test_an_admins_body_holds_the_loop_no_longer_than_its_parts_take(guarded, tmp_path):
    admin = tokens.add_token(str(tmp_path / "tokens"), "admin", "other")
    keyring = tokens.read_keyring(str(tmp_path / "tokens"))
    guarded.server.dispatcher.services = guarded.server.services._replace(keyring=keyring)
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
    status, answer = ask(
        guarded, "POST", "/v1/next", raw=b"{" + b" " * (dispatcher.PILOT_BYTES) + b"}", token=token
    )
    assert status == 413
    assert ask(guarded, "POST", "/v1/next", dict(CLAIM, finals=[]), token=token)[0] == 200
