"""The server as a program: its command line, TLS, systemd's socket, its end."""

import os
import signal
import socket
import ssl
import subprocess
import sys

import pytest

from pilot.errors import UsageError
from pilot.ops.pool.__main__ import main
from pilot.ops.server import serve
from pilot.ops.server.upkeep import Retention
from pilot.pool import open_pool
from pilot.pool.interface import Busy, Offer
from tests.conftest import ROOT, until
from tests.pool.asking import add
from tests.pool.served import Served


def plan(
    pool="sqlite:x", listen="127.0.0.1:0", certificate=None, key=None, tokens=None, client_ca=None
):
    return serve.plan_server(pool, listen, certificate, key, tokens, client_ca, Retention(), True)


@pytest.mark.parametrize(
    "words, told",
    [
        (dict(pool="http://x"), "is no sqlite:FILE"),
        (dict(listen="x"), "is not HOST:PORT"),
        (dict(listen="h:99999"), "is not HOST:PORT"),
        (dict(key="k"), "--tls-key is for"),
        (dict(client_ca="c"), "is for --tls-cert"),
        (dict(listen="0.0.0.0:1"), "needs --tls-cert and --tokens"),
        (dict(listen=":1"), "needs --tls-cert and --tokens"),
        (dict(listen="example.org:1"), "needs"),
        (dict(certificate="/no/file"), "cannot be read"),
        (dict(tokens="/no/file"), "cannot be read"),
    ],
)
def test_what_is_not_served(words, told):
    with pytest.raises(UsageError, match=told):
        plan(**words)


@pytest.mark.parametrize("listen", ["127.0.0.1:1", "localhost:1", "[::1]:1", "127.5.5.5:1"])
def test_this_machine_alone_needs_nothing(listen):
    assert plan(listen=listen).context is None


def test_an_address_that_is_taken_is_told(tmp_path, capsys):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen(1)
        assert (
            main(
                [
                    "serve",
                    "sqlite:%s/p" % tmp_path,
                    "--create",
                    "--listen",
                    "127.0.0.1:%d" % taken.getsockname()[1],
                ]
            )
            == 50
        )
    assert "is used by another program" in capsys.readouterr().err


def test_a_file_that_is_no_pool_is_told(tmp_path, capsys):
    (tmp_path / "p").write_text("no database " * 100)
    assert main(["serve", "sqlite:%s/p" % tmp_path, "--create", "--listen", "127.0.0.1:0"]) == 2


@pytest.fixture
def certificate(tmp_path):
    """A key and certificate for localhost in one file; it is its own CA."""
    path = str(tmp_path / "tls.pem")
    try:
        subprocess.check_call(
            [
                "openssl",
                "req",
                "-x509",
                "-newkey",
                "rsa:2048",
                "-nodes",
                "-days",
                "2",
                "-subj",
                "/CN=localhost",
                "-addext",
                "subjectAltName=DNS:localhost,IP:127.0.0.1",
                "-keyout",
                path + ".key",
                "-out",
                path,
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("openssl is not there to make a certificate")
    return path


def test_by_tls_with_tokens_also_beyond_this_machine(tmp_path, certificate):
    folder = tmp_path / "s"
    folder.mkdir()
    token = (
        subprocess.check_output(
            [sys.executable, "-m", "pilot.pool", "token", str(folder / "tokens"), "admin", "alice"],
            cwd=str(ROOT),
        )
        .decode()
        .strip()
    )
    server = Served(
        folder,
        "--tls-cert",
        certificate,
        "--tls-key",
        certificate + ".key",
        "--tokens",
        str(folder / "tokens"),
    )
    try:
        assert server.url.startswith("https://")
        environ = dict(os.environ, SSL_CERT_FILE=certificate, PILOT_POOL_TOKEN=token)
        tell = subprocess.run(
            [sys.executable, "-m", "pilot.pool", "status", server.url],
            cwd=str(ROOT),
            env=environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert tell.returncode == 0
        assert tell.stdout.split()[:2] == [b"todo", b"0"]
        minted = subprocess.check_output(
            [sys.executable, "-m", "pilot.pool", "mint", server.url, "p1", "--seconds", "600"],
            cwd=str(ROOT),
            env=environ,
        )
        assert minted.startswith(b"pilot1.")
        del environ["SSL_CERT_FILE"]
        tell = subprocess.run(
            [sys.executable, "-m", "pilot.pool", "status", server.url],
            cwd=str(ROOT),
            env=environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert tell.returncode == 50
        assert b"certificate" in tell.stderr.lower()
        assert token.encode() not in tell.stderr
        plain = socket.create_connection(server.listen.split(":"), 10)
        with plain, ssl.create_default_context(cafile=certificate).wrap_socket(
            plain, server_hostname="localhost"
        ) as secure:
            secure.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n" * 3)
            got = b""
            while got.count(b'{"status":"ok"}') < 3:
                got += secure.recv(65536)
    finally:
        server.kill()


def test_clients_may_have_to_show_a_certificate(tmp_path, certificate):
    server = Served(
        tmp_path,
        "--tls-cert",
        certificate,
        "--tls-key",
        certificate + ".key",
        "--tls-client-ca",
        certificate,
    )
    try:
        context = ssl.create_default_context(cafile=certificate)
        for shown in (False, True):
            if shown:
                context.load_cert_chain(certificate, certificate + ".key")
            plain = socket.create_connection(server.listen.split(":"), 10)
            try:
                with plain, context.wrap_socket(plain, server_hostname="localhost") as secure:
                    secure.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
                    assert (b"200 OK" in secure.recv(65536)) is shown
            except OSError:
                assert not shown
    finally:
        server.kill()


def test_it_ends_when_it_is_told_and_those_who_wait_are_sent_home(tmp_path):
    import threading

    server = Served(tmp_path)
    found = []

    def wait():
        with open_pool(server.url) as pool:
            found.append(pool.next([], "p1", Offer(), 1, 300.0, "r", 20.0))

    thread = threading.Thread(target=wait)
    thread.start()
    with open_pool(server.url) as pool:
        import urllib.request

        def waits():
            with urllib.request.urlopen(server.url + "/metrics", timeout=10) as reply:
                return b"pilot_pool_waiting_claims 1" in reply.read()

        until(waits)
        assert server.stop() == 0
        thread.join(10)
        assert found == [({}, [])]
        with pytest.raises(Busy):
            pool.status()
        server.start()
        assert pool.status()["todo"] == 0
    server.kill()


def test_the_socket_of_systemd_is_used(tmp_path):
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        held.listen(5)
        port = held.getsockname()[1]

        def be_as_systemd_makes_it():
            os.dup2(held.fileno(), 3)
            os.set_inheritable(3, True)
            os.environ["LISTEN_PID"] = str(os.getpid())

        script = (
            "import os, runpy, sys; os.environ['LISTEN_PID'] = str(os.getpid());"
            " sys.argv[0:1] = ['pilot.pool']; runpy.run_module('pilot.pool', run_name='__main__')"
        )
        child = subprocess.Popen(
            [sys.executable, "-c", script, "serve", "sqlite:%s/p" % tmp_path, "--create"],
            cwd=str(ROOT),
            stdout=subprocess.PIPE,
            env=dict(os.environ, LISTEN_FDS="1"),
            close_fds=False,
            preexec_fn=be_as_systemd_makes_it,
        )
        try:
            assert b":%d" % port in child.stdout.readline()
            with open_pool("http://127.0.0.1:%d" % port) as pool:
                assert pool.status()["todo"] == 0
        finally:
            child.send_signal(signal.SIGTERM)
            assert child.wait(timeout=60) == 0
            child.stdout.close()


def test_the_socket_of_systemd_is_no_way_around_the_guards(tmp_path, monkeypatch):
    with socket.socket() as held:
        held.bind(("0.0.0.0", 0))
        monkeypatch.setattr(serve, "_passed_socket", lambda: held)
        with pytest.raises(UsageError, match="needs --tls-cert and --tokens"):
            serve.run_server(plan("sqlite:%s/p" % tmp_path))


def test_files_are_for_who_serves_them_alone(tmp_path):
    server = Served(tmp_path)
    server.stop()
    assert {oct(path.stat().st_mode & 0o777) for path in tmp_path.glob("pool.sqlite*")} == {"0o600"}


def test_a_token_goes_into_a_file_that_is_empty_too(tmp_path):
    from pilot.ops.server import tokens

    (tmp_path / "t").write_text("")
    (tmp_path / "t").chmod(0o600)
    token = tokens.add_token(str(tmp_path / "t"), "admin", "a")
    assert tokens.read_keyring(str(tmp_path / "t")).identify(token).name == "a"


def test_a_token_that_nobody_can_mint_is_told(tmp_path, capsys):
    server = Served(tmp_path)
    try:
        assert main(["mint", server.url, "p1"]) == 2
        assert "runs without tokens" in capsys.readouterr().err
    finally:
        server.kill()


def test_a_file_has_one_server_at_a_time(tmp_path, capsys):
    server = Served(tmp_path)
    try:
        assert main(["serve", "sqlite:%s/pool.sqlite" % tmp_path, "--listen", "127.0.0.1:0"]) == 2
        assert "another server serves it already" in capsys.readouterr().err
    finally:
        server.kill()


def test_a_certificate_without_its_key_is_told(certificate):
    with pytest.raises(UsageError, match="give --tls-key"):
        plan(certificate=certificate)


def test_hints_for_the_wrong_scheme_and_the_unknown_ca(tmp_path, certificate, monkeypatch):
    from pilot.pool.interface import Denied

    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)
    server = Served(tmp_path, "--tls-cert", certificate, "--tls-key", certificate + ".key")
    try:
        with open_pool(server.url, environ={}) as pool, pytest.raises(
            Denied, match="SSL_CERT_FILE"
        ):
            pool.status()
        with open_pool(server.url.replace("https", "http"), environ={}) as pool, pytest.raises(
            Busy
        ):
            pool.status()
    finally:
        server.kill()


def test_a_name_has_one_token(tmp_path):
    from pilot.ops.server import tokens

    tokens.add_token(str(tmp_path / "t"), "admin", "a")
    with pytest.raises(UsageError, match="has a token already"):
        tokens.add_token(str(tmp_path / "t"), "reader", "a")


def test_a_new_file_is_made_only_when_asked_for_and_a_broken_one_is_told(tmp_path, capsys):
    path = tmp_path / "pool.sqlite"
    words = ["serve", "sqlite:%s" % path, "--listen", "127.0.0.1:0"]
    assert main(words) == 2
    assert "--create makes a new pool" in capsys.readouterr().err
    assert not path.exists()
    path.write_bytes(b"")
    assert main(words) == 2
    assert main(words + ["--create"]) == 2
    assert "is empty" in capsys.readouterr().err
    path.unlink()
    with open_pool("sqlite:%s" % path, create=True) as pool:
        add(pool, *["t%d" % n for n in range(500)])
    with open(str(path), "r+b") as stream:
        stream.seek(8192)
        stream.write(b"\xff" * 20000)
    assert main(words) == 2
    assert "is damaged" in capsys.readouterr().err
