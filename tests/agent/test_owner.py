"""The credentials with which files are moved: what the servers and the tools of the grid
receive."""

import http.server
import json
import ssl
import threading

import pytest

from pilot.agent.owner import Owner
from pilot.errors import StepFailed

PLAN = ("-X", "CheckWorkerNode,LaunchAgent")


@pytest.fixture
def storage(grid):
    """A storage server of the grid behind TLS; `seen` has the method, path, token and the client's
    name of each request."""
    seen = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def log_message(self, *words):
            pass

        def answer(self):
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            shown = self.connection.getpeercert()
            name = (
                "/".join(value for part in shown["subject"] for _, value in part) if shown else None
            )
            seen.append((self.command, self.path, self.headers.get("Authorization"), name))
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"ok")

        do_GET = do_PUT = answer

    context = ssl.SSLContext(getattr(ssl, "PROTOCOL_TLS_SERVER", ssl.PROTOCOL_TLS))
    context.load_cert_chain(str(grid / "server.crt"), str(grid / "server.key"))
    context.load_verify_locations(str(grid / "ca.crt"))
    context.verify_mode = ssl.CERT_OPTIONAL
    context.verify_flags |= 0x40  # X509_V_FLAG_ALLOW_PROXY_CERTS
    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    server.seen, server.url = seen, "https://localhost:%d" % server.server_port
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def moved(pilot, tasks_file, grid, monkeypatch):
    """Runs one task in a pilot that has a token and a proxy of its own; gives how it ended."""
    monkeypatch.setenv("BEARER_TOKEN", "pilots-own")
    monkeypatch.setenv("X509_CERT_DIR", str(grid / "cas"))
    monkeypatch.delenv("X509_USER_PROXY", raising=False)

    def go(task, *words):
        ended = pilot(
            *(
                PLAN
                + ("--tasks", tasks_file(dict({"id": "t", "command": ["touch", "r"]}, **task)))
                + words
            )
        )
        assert ended.code == 0, ended.err
        return ended
    return go


def test_an_https_server_sees_the_owners_token_and_proxy_and_nothing_of_the_pilots(
    moved, storage, grid, tmp_path
):
    (tmp_path / "token").write_text("owners\n")
    files = {
        "inputs": [storage.url + "/in"],
        "outputs": [{"name": "r", "url": storage.url + "/out"}],
    }
    moved(files)
    moved(
        files,
        "--transfer-tokens",
        "other.example.org=%s,local*=%s" % (grid / "user.crt", tmp_path / "token"),
        "--transfer-proxy",
        str(grid / "short.pem"),
    )
    moved(
        dict(files, env={"BEARER_TOKEN": "tasks-own"}),
        "--transfer-tokens",
        "*=%s" % (tmp_path / "token"),
    )
    expected = [(None, None), ("Bearer owners", "Grid/Jane/4711"), ("Bearer tasks-own", None)]
    assert storage.seen == [
        (method, path, token, name)
        for token, name in expected
        for method, path in (("GET", "/in"), ("PUT", "/out"))
    ]


def test_the_tools_of_the_grid_find_the_owners_credentials(moved, programs, tmp_path, grid):
    say = 'for last; do :; done; echo "[\\"$BEARER_TOKEN\\", \\"$BEARER_TOKEN_FILE\\", \\"$X509_USER_PROXY\\"]" > "$last"'
    programs.make("xrdcp", say)
    programs.make("gfal-copy", say)
    (tmp_path / "token").write_text("owners")

    def received(task, *words):
        ended = moved(
            dict(
                task,
                outputs=["a", "b"],
                inputs=["root://eos.example.org//f/a", "davs://dav.example.com/f/b"],
            ),
            *words,
        )
        return [
            json.loads((ended.workdir / "outputs" / "t.1" / name).read_text())
            for name in ("a", "b")
        ]

    token, proxy = str(tmp_path / "token"), str(grid / "short.pem")
    assert received({}) == [["", "", ""], ["", "", ""]]
    assert received(
        {}, "--transfer-tokens", "*.example.org=" + token, "--transfer-proxy", proxy
    ) == [["", token, proxy], ["", "", proxy]]
    own = {
        "BEARER_TOKEN_FILE": "/home/jane/token",
        "X509_USER_PROXY": "/home/jane/proxy",
        "PATH": "/nowhere",
    }
    assert (
        received(
            {"env": own, "command": ["/bin/true"]},
            "--transfer-tokens",
            "*=" + token,
            "--transfer-proxy",
            proxy,
        )
        == [["", "/home/jane/token", "/home/jane/proxy"]] * 2
    )


def test_a_token_goes_to_its_hosts_by_https_only(tmp_path):
    (tmp_path / "token").write_text("abc")
    owner = Owner({}, [["*.Example.org", str(tmp_path / "token")]], "")
    assert owner.headers("https://a.example.ORG:443/f") == {"Authorization": "Bearer abc"}
    for url in (
        "http://a.example.org/f",
        "https://example.org/f",
        "https://a.example.org.evil.net/f",
        "https://evil.net/?a.example.org",
    ):
        assert owner.headers(url) == {}
    (tmp_path / "token").write_text("")
    with pytest.raises(StepFailed, match="of the payload's owner is empty"):
        owner.headers("https://a.example.org/f")


@pytest.mark.parametrize(
    "words, sentence",
    [
        (("--transfer-tokens", "h=nowhere"), "--transfer-tokens: there is no file "),
        (("--transfer-tokens", "nowhere"), "'nowhere' is not NAME=VALUE"),
        (("--transfer-proxy", "nowhere"), "--transfer-proxy: there is no file "),
    ],
)
def test_a_credential_that_is_not_there_is_told_at_once(pilot, tasks_file, words, sentence):
    ended = pilot(*(PLAN + ("--tasks", tasks_file({"command": ["true"]})) + words))
    # before anything ran
    assert ended.code == 2
    assert sentence in ended.err
    assert not (ended.workdir / "pilot-events.jsonl").exists()
