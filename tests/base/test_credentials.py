"""Tokens, proxies and CAs: where they are looked for, in which order, and what they are good
for."""

import os
import socket
import ssl
import threading

import pytest

from pilot.base import credentials
from pilot.errors import ConfigurationFailed
from tests.grid import openssl

UID = 1221


@pytest.fixture
def places(tmp_path):
    """The four places of WLCG's discovery, all filled: the environment and the folder that stands
    for /tmp."""
    (tmp_path / "run").mkdir()
    (tmp_path / "tmp").mkdir()
    (tmp_path / "file").write_text("two")
    (tmp_path / "run" / "bt_u1221").write_text("three")
    (tmp_path / "tmp" / "bt_u1221").write_text("four")
    environ = {
        "BEARER_TOKEN": "one",
        "BEARER_TOKEN_FILE": str(tmp_path / "file"),
        "XDG_RUNTIME_DIR": str(tmp_path / "run"),
    }
    return environ, str(tmp_path / "tmp")


def test_tokens_are_looked_for_in_wlcgs_order(places, tmp_path):
    environ, folder = places
    for token, gone in (
        ("one", "BEARER_TOKEN"),
        ("two", "BEARER_TOKEN_FILE"),
        ("three", "XDG_RUNTIME_DIR"),
    ):
        assert credentials.bearer_token(environ, UID, folder) == token
        del environ[gone]
    assert credentials.bearer_token(environ, UID, folder) == "four"
    os.remove(os.path.join(folder, "bt_u1221"))
    assert credentials.bearer_token(environ, UID, folder) is None


def test_blanks_as_c_knows_them_are_taken_off_and_no_others(places):
    environ, folder = places
    assert (
        credentials.bearer_token(
            dict(environ, BEARER_TOKEN=" \t\n\v\f\rabc.-_~+/9== \t\n\v\f\r"), UID, folder
        )
        == "abc.-_~+/9=="
    )
    for blank in ("\u00a0", "\x1c", "\u2003"):
        with pytest.raises(ConfigurationFailed, match="BEARER_TOKEN is no valid token"):
            credentials.bearer_token(dict(environ, BEARER_TOKEN=blank + "abc"), UID, folder)


@pytest.mark.parametrize("empty", ["", " \t\n\v\f\r"])
def test_an_empty_token_leads_to_the_next_place(places, tmp_path, empty):
    environ, folder = places
    environ["BEARER_TOKEN"] = empty
    assert credentials.bearer_token(environ, UID, folder) == "two"
    (tmp_path / "file").write_text(empty)
    assert credentials.bearer_token(environ, UID, folder) == "three"
    (tmp_path / "run" / "bt_u1221").write_text(empty)
    assert credentials.bearer_token(environ, UID, folder) == "four"
    (tmp_path / "tmp" / "bt_u1221").write_text(empty)
    assert credentials.bearer_token(environ, UID, folder) is None


@pytest.mark.parametrize(
    "bad", [b"a b", b"a\nb", b"a,b", b"=a", b"a=b", b"caf\xc3\xa9", b"\xff", b"a\0b"]
)
def test_an_invalid_token_ends_the_search(places, tmp_path, bad):
    environ, folder = places
    del environ["BEARER_TOKEN"]
    for number, path in enumerate(
        (tmp_path / "file", tmp_path / "run" / "bt_u1221", tmp_path / "tmp" / "bt_u1221")
    ):
        good = path.read_bytes()
        path.write_bytes(bad)
        with pytest.raises(ConfigurationFailed) as caught:
            credentials.bearer_token(environ, UID, folder)
        assert str(path) in str(caught.value)
        path.write_bytes(good)
        environ.pop(("BEARER_TOKEN_FILE", "XDG_RUNTIME_DIR", "none")[number], None)
    with pytest.raises(ConfigurationFailed, match="BEARER_TOKEN"):
        credentials.bearer_token(
            dict(environ, BEARER_TOKEN=bad.decode("utf-8", "surrogateescape")), UID, folder
        )


@pytest.mark.parametrize(
    "mode, believed", [(0o600, True), (0o644, True), (0o660, False), (0o602, False)]
)
def test_what_anybody_may_have_put_there_is_not_believed(tmp_path, mode, believed):
    path = tmp_path / ("bt_u%d" % os.geteuid())
    path.write_text("token")
    path.chmod(mode)
    assert credentials.bearer_token({}, None, str(tmp_path)) == ("token" if believed else None)
    path.rename(tmp_path / "real")
    path.symlink_to(tmp_path / "real")
    assert credentials.bearer_token({}, None, str(tmp_path)) is None


def test_the_name_holds_the_effective_uid(tmp_path, monkeypatch):
    (tmp_path / "bt_u77").write_text("effective")
    (tmp_path / ("bt_u%d" % os.getuid())).write_text("real")
    if os.geteuid() != 0:
        pytest.skip("needs root: the file is another user's")
    os.chown(str(tmp_path / "bt_u77"), 77, 77)
    monkeypatch.setattr(os, "geteuid", lambda: 77)
    assert credentials.bearer_token({}, None, str(tmp_path)) == "effective"
    assert (
        credentials.bearer_token({"XDG_RUNTIME_DIR": str(tmp_path)}, None, "/nowhere")
        == "effective"
    )
    assert credentials.bearer_token({}, 78, str(tmp_path)) is None


def test_a_token_file_is_read_anew_each_time(places, tmp_path):
    environ, folder = places
    del environ["BEARER_TOKEN"]
    assert credentials.bearer_token(environ, UID, folder) == "two"
    (tmp_path / "file").write_text("refreshed\n")
    assert credentials.bearer_token(environ, UID, folder) == "refreshed"
    os.remove(str(tmp_path / "file"))
    assert credentials.bearer_token(environ, UID, folder) == "three"


def test_a_proxy_is_where_its_variable_says_else_in_tmp(tmp_path):
    uid = 2 ** 30 + os.getpid()  # nobody's
    default, given, missing = "/tmp/x509up_u%d" % uid, str(tmp_path / "p"), str(tmp_path / "none")
    (tmp_path / "p").write_text("")
    assert (
        credentials.proxy_path({"X509_USER_PROXY": given}, uid) == given
        and credentials.proxy_path({}, uid) is None
    )
    with open(default, "w"):
        try:
            assert (
                credentials.proxy_path({}, uid)
                == credentials.proxy_path({"X509_USER_PROXY": ""}, uid)
                == default
            )
            assert (
                credentials.proxy_path({"X509_USER_PROXY": given}, uid) == given
                and credentials.proxy_path({"X509_USER_PROXY": missing}, uid) is None
            )
        finally:
            os.remove(default)


def test_cas_are_where_their_variable_says_else_in_the_usual_folders(tmp_path, monkeypatch):
    site, cvmfs, own = (tmp_path / name for name in ("site", "cvmfs", "own"))
    monkeypatch.setattr(credentials, "CA_FOLDERS", (str(site), str(cvmfs)))
    assert credentials.ca_folder({}) is None
    cvmfs.mkdir()
    assert credentials.ca_folder({}) == str(cvmfs)
    site.mkdir()
    assert credentials.ca_folder({}) == credentials.ca_folder({"X509_CERT_DIR": ""}) == str(site)
    assert credentials.ca_folder({"X509_CERT_DIR": str(own)}) is None
    own.mkdir()
    assert credentials.ca_folder({"X509_CERT_DIR": str(own)}) == str(own)


def end_of(path):
    return ssl.cert_time_to_seconds(
        openssl("x509", "-enddate", "-noout", "-in", path).strip().partition("=")[2]
    )


@pytest.mark.parametrize("proxy, first", [("short", "short.crt"), ("long", "user.crt")])
def test_a_proxy_ends_with_the_first_of_its_chain(grid, proxy, first):
    found = credentials.read_proxy(str(grid / (proxy + ".pem")))
    assert found.not_after == end_of(grid / first)
    assert found.fqans == []
    assert found.vo is None
    assert found.left_s(found.not_after - 5) == 5


BLOCK = "-----BEGIN CERTIFICATE-----\n%s\n-----END CERTIFICATE-----\n"


@pytest.mark.parametrize(
    "text",
    ["", "hello\n", BLOCK % "aGVsbG8=", BLOCK % "MIIB", BLOCK % "a", BLOCK % "MAA=", BLOCK % ""],
    ids=["nothing", "text", "no DER", "cut", "no base64", "an empty one", "an empty block"],
)
def test_a_file_that_is_no_certificate_is_told(tmp_path, text):
    (tmp_path / "p").write_text(text)
    with pytest.raises(ConfigurationFailed, match="proxy %s: " % (tmp_path / "p")):
        credentials.read_proxy(str(tmp_path / "p"))
    with pytest.raises(ConfigurationFailed, match="cannot be read"):
        credentials.read_proxy(str(tmp_path / "none"))


@pytest.fixture
def server(grid):
    """A TLS server that wants a certificate and takes proxies; `ask(context)` is whom it saw, by
    its name's parts."""
    context = ssl.SSLContext(getattr(ssl, "PROTOCOL_TLS_SERVER", ssl.PROTOCOL_TLS))
    context.load_cert_chain(str(grid / "server.crt"), str(grid / "server.key"))
    context.load_verify_locations(str(grid / "ca.crt"))
    context.verify_mode = ssl.CERT_REQUIRED
    context.verify_flags |= 0x40  # X509_V_FLAG_ALLOW_PROXY_CERTS
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(5)
    listener.settimeout(20)

    def serve():
        try:
            with context.wrap_socket(listener.accept()[0], server_side=True) as peer:
                peer.settimeout(20)
                names = [value for part in peer.getpeercert()["subject"] for _, value in part]
                peer.sendall("/".join(names).encode())
        except OSError:  # the client, or we, have refused
            pass

    def ask(client):
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            with socket.create_connection(listener.getsockname(), 20) as plain, client.wrap_socket(
                plain, server_hostname="localhost"
            ) as peer:
                return peer.recv(1000).decode()
        finally:
            thread.join()

    yield ask
    listener.close()


def test_a_proxy_as_it_is_opens_a_server_of_the_grid(grid, server):
    environ = {"X509_CERT_DIR": str(grid / "cas")}
    assert server(credentials.tls_context(environ, str(grid / "short.pem"))) == "Grid/Jane/4711"
    # nobody is shown: 1.3 tells it at the first read, and maybe by a reset
    with pytest.raises((ssl.SSLError, ConnectionError)):
        server(credentials.tls_context(environ))


def test_a_server_of_an_unknown_ca_is_not_talked_to(grid, server, tmp_path):
    with pytest.raises(ssl.SSLError, match="(?i)verify failed"):
        server(credentials.tls_context({"X509_CERT_DIR": str(tmp_path)}, str(grid / "short.pem")))


def test_a_proxy_that_cannot_be_used_is_told(grid, tmp_path):
    for path in (grid / "user.crt", tmp_path / "none"):  # one has no key, one is not there
        with pytest.raises(ConfigurationFailed, match="proxy %s: cannot be used for TLS" % path):
            credentials.tls_context({}, str(path))
