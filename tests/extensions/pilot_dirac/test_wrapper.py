"""A site's job script fetches a pilot that is whole and trusted, runs it, and removes it."""

import hashlib
import http.server
import io
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tarfile
import threading
import types

import pytest

from tests.conftest import extension
from tests.extensions.pilot_dirac.wrapping import WRAPPER, fly

publish = extension("pilot_dirac.publish")
wrapper = extension("pilot_dirac.wrapper")


def test_the_wrapper_fetches_verifies_and_runs_the_pilot(published, tmp_path):
    code, out, err = fly(
        tmp_path,
        "--locations",
        "%s,%s" % (tmp_path / "none", published),
        "--",
        "-N",
        "ce $(x)",
        DIRAC_PILOT_STAMP="abc",
    )
    words, stdin, names, profile = json.loads(out)
    assert code == 7
    assert words == ["-N", "ce $(x)", "--pilotUUID", "abc"]
    assert "starting dirac-pilot.py" in stdin
    assert "VoCommands.py" in names
    assert profile == {"n": 1}


@pytest.mark.parametrize("way", ["manifest.json", "checksums.sha512"])
def test_both_ways_of_publishing_are_taken_and_a_wrong_file_is_not(
    published, tmp_path, way, monkeypatch
):
    (
        published / {"manifest.json": "checksums.sha512", "checksums.sha512": "manifest.json"}[way]
    ).unlink()
    assert fly(tmp_path, "--locations", published)[0] == 7
    monkeypatch.setattr(wrapper, "WAIT_S", 0)
    for path in [published / "pilot.tar"] + list((published / "files").iterdir()):
        path.write_bytes(path.read_bytes() + b"x")
    assert wrapper.fetch_files([str(published)]) is None
    assert any("does not match" in line for line in wrapper.LINES)


class Places:
    """A web server of a folder; `elsewhere` sends everybody to another address."""

    def __init__(self, folder, elsewhere=""):
        class Handler(http.server.SimpleHTTPRequestHandler):
            def log_message(self, *words):
                pass

            def translate_path(self, path):
                return str(folder) + path

            def do_GET(self):
                if not elsewhere:
                    return super().do_GET()
                self.send_response(302)
                self.send_header("Location", elsewhere + self.path)
                self.end_headers()

        self.http = http.server.HTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.http.server_port
        self.thread = threading.Thread(target=self.http.serve_forever, args=(0.01,), daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *how):
        self.http.shutdown()
        self.http.server_close()
        self.thread.join()


def test_plain_http_needs_a_pin_and_a_pin_holds(published, tmp_path):
    digest = hashlib.sha512((published / "manifest.json").read_bytes()).hexdigest()
    with Places(published) as places:
        url = "http://127.0.0.1:%d" % places.port
        for words, expected in (((), 20), (("--sha512", "0" * 128), 20), (("--sha512", digest), 7)):
            code, out, err = fly(tmp_path, "--locations", url, *words)
            assert code == expected, err
    assert "plain http is not authenticated" in fly(tmp_path, "--locations", "http://127.0.0.1:1")[2]


def test_https_does_not_lead_to_http(published, tmp_path, monkeypatch):
    key, cert = str(tmp_path / "key.pem"), str(tmp_path / "cert.pem")
    subprocess.check_call(
        [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-keyout",
            key,
            "-out",
            cert,
            "-days",
            "2",
            "-subj",
            "/CN=localhost",
            "-addext",
            "subjectAltName=DNS:localhost",
        ],
        stderr=subprocess.DEVNULL,
    )
    digest = hashlib.sha512((published / "manifest.json").read_bytes()).hexdigest()
    with Places(published) as plain:
        secure = Places(published, "http://127.0.0.1:%d" % plain.port)
        context = ssl.SSLContext(
            ssl.PROTOCOL_TLS_SERVER if hasattr(ssl, "PROTOCOL_TLS_SERVER") else ssl.PROTOCOL_TLS
        )
        context.load_cert_chain(cert, key)
        secure.http.socket = context.wrap_socket(secure.http.socket, server_side=True)
        with secure:
            monkeypatch.setattr(wrapper, "WAIT_S", 0)
            monkeypatch.setenv("SSL_CERT_FILE", cert)
            del wrapper.LINES[:]
            assert (
                wrapper.fetch_files(
                    ["https://localhost:%d" % secure.port], wrapper.Trust(sha512=digest)
                )
                is None
            )
    assert any("is not followed" in line for line in wrapper.LINES)


@pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="no ssh-keygen here")
def test_a_signature_is_asked_for_and_verified(published, tmp_path, monkeypatch):
    monkeypatch.setattr(wrapper, "WAIT_S", 0)
    for name in ("ours", "theirs"):
        subprocess.check_call(
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / name)]
        )
    signers = tmp_path / "signers"
    signers.write_text("pilots@example.org " + (tmp_path / "ours.pub").read_text())
    trust = wrapper.Trust(signers=str(signers))
    assert wrapper.fetch_files([str(published)], trust) is None
    for key, good in (("theirs", False), ("ours", True)):
        for path in published.glob("*.sig"):
            path.unlink()
        subprocess.check_call(
            [
                "ssh-keygen",
                "-q",
                "-Y",
                "sign",
                "-n",
                "pilot",
                "-f",
                str(tmp_path / key),
                str(published / "manifest.json"),
            ],
            stderr=subprocess.DEVNULL,
        )
        assert (wrapper.fetch_files([str(published)], trust) is not None) is good
    (published / "manifest.json").write_text(
        (published / "manifest.json").read_text().replace("made", "mode")
    )
    assert wrapper.fetch_files([str(published)], trust) is None


def test_an_old_manifest_is_not_taken_where_its_age_is_bounded(published, monkeypatch):
    monkeypatch.setattr(wrapper, "WAIT_S", 0)
    assert wrapper.fetch_files([str(published)], wrapper.Trust(max_age_days=1)) is not None
    told = json.loads((published / "manifest.json").read_text())
    (published / "manifest.json").write_text(json.dumps(dict(told, made=told["made"] - 2 * 86400)))
    assert wrapper.fetch_files([str(published)], wrapper.Trust(max_age_days=1)) is None
    assert "days old" in "".join(wrapper.LINES)


def test_an_update_under_way_is_waited_for(published, monkeypatch):
    (published / "manifest.json").unlink()
    right = (published / "pilot.json").read_bytes()
    (published / "pilot.json").write_bytes(b"{}")
    monkeypatch.setattr(
        wrapper.time, "sleep", lambda seconds: (published / "pilot.json").write_bytes(right)
    )
    assert wrapper.fetch_files([str(published)])["pilot.json"] == right


def test_nothing_outside_its_folder_comes_out_of_a_tar(tmp_path):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, kind in (
            ("../../evil.py", tarfile.REGTYPE),
            ("/abs.py", tarfile.REGTYPE),
            ("link", tarfile.SYMTYPE),
            ("device", tarfile.CHRTYPE),
        ):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "/etc/passwd"
            archive.addfile(info, io.BytesIO(b""))
    wrapper.unpack_tar(out.getvalue(), str(tmp_path))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["abs.py", "evil.py", "pilot.tar"]


@pytest.mark.parametrize(
    "answer",
    [b"garbage\r\n\r\n", b"HTTP/1.0 200 OK\r\n\r\nnull", b"HTTP/1.0 403 No\r\n\r\n<html>", None],
)
def test_a_place_with_odd_answers_is_passed_over(published, monkeypatch, answer):
    server = socket.socket()
    server.bind(("127.0.0.1", 0))
    server.listen(5)

    def serve():
        while True:
            try:
                peer = server.accept()[0]
            except OSError:
                return
            peer.recv(4000)
            if answer is None:  # a drop now and then, for ever
                peer.sendall(b"HTTP/1.0 200 OK\r\nContent-Length: 1000\r\n\r\n")
                drips.append(peer)
                for _ in range(60):
                    try:
                        peer.sendall(b"x")
                    except OSError:
                        break
                    stop.wait(0.1)
            else:
                peer.sendall(answer)
            peer.close()

    stop, drips = threading.Event(), []
    threading.Thread(target=serve, daemon=True).start()
    monkeypatch.setattr(wrapper, "FILE_S", 0.5)
    monkeypatch.setattr(wrapper, "BLOCK", 1)
    found = wrapper.fetch_files(["http://127.0.0.1:%d" % server.getsockname()[1], str(published)])
    stop.set()
    server.close()
    assert found["pilot.json"] == b'{"n": 1}'


def test_a_checksum_may_be_in_capital_letters():
    assert wrapper.fits_digest(b"x", hashlib.sha512(b"x").hexdigest().upper())


@pytest.mark.parametrize("form", ["%s", "file:%s", "file://%s"])
def test_a_folder_may_be_written_in_three_ways(tmp_path, form):
    (tmp_path / "there").write_bytes(b"x")
    assert wrapper.get_bytes(form % (tmp_path / "there")) == b"x"


def test_what_is_too_large_is_refused_with_its_bound(tmp_path, monkeypatch):
    (tmp_path / "there").write_bytes(b"x" * 100)
    monkeypatch.setattr(wrapper, "MOST_BYTES", 10)
    with pytest.raises(OSError, match="is larger than 10 bytes"):
        wrapper.get_bytes(str(tmp_path / "there"))


@pytest.mark.parametrize(
    "content, sentence",
    [
        (publish.pack_tar({"other.py": b""}), "the fetched files contain no dirac-pilot.py"),
        (b"no tar", "the fetched files cannot be unpacked: "),
    ],
)
def test_what_is_no_pilot_is_not_started(tmp_path, content, sentence):
    publish.publish_files(str(tmp_path / "www"), {"pilot.json": b"{}", "pilot.tar": content})
    code, out, err = fly(tmp_path, "--locations", tmp_path / "www")
    assert code == 20
    assert sentence in err


def test_an_id_that_is_given_is_kept(published, tmp_path):
    words = ("--locations", published, "--", "--pilotUUID", "mine")
    out = fly(tmp_path, *words, DIRAC_PILOT_STAMP="abc")[1]
    assert json.loads(out)[0] == ["--pilotUUID", "mine"]


def test_a_pilot_without_any_id_gets_one(published, tmp_path):
    out = fly(tmp_path, "--locations", published, DIRAC_PILOT_STAMP="")[1]
    assert json.loads(out)[0][0] == "--pilotUUID"
    assert len(json.loads(out)[0][1]) == 36


@pytest.fixture
def publish_pilot(tmp_path):
    """Publishes a pilot of this text."""

    def make(text):
        files = {"pilot.json": b"{}", "pilot.tar": publish.pack_tar({"dirac-pilot.py": text.encode()})}
        publish.publish_files(str(tmp_path / "www"), files)
        return tmp_path / "www"

    return make


def test_the_pilots_folder_is_made_where_it_is_wanted_and_removed(publish_pilot, tmp_path):
    (tmp_path / "scratch").mkdir()
    place = publish_pilot("import os\nopen('left', 'w').close()\nprint(os.getcwd())\n")
    code, out, err = fly(tmp_path, "--locations", place, "--folder", tmp_path / "scratch")
    assert code == 0
    assert out.startswith(str(tmp_path / "scratch" / "DIRAC_"))
    assert os.listdir(str(tmp_path / "scratch")) == []


# tells that it runs, and ends by the signal that it was given, or by its own code
HEARS = """
import os, signal, sys
def stop(number, frame):
    os.write(1, b"%d\\n" % number)  # print may be under way
    os._exit(7)
for number in (signal.SIGTERM, signal.SIGUSR1):
    signal.signal(number, stop)
print("runs", os.getpid(), flush=True)
while True:
    signal.pause()
"""


@pytest.fixture
def wrapped(publish_pilot, tmp_path):
    """A wrapper whose pilot runs; its `pilot` is the pilot's pid."""
    (tmp_path / "scratch").mkdir()
    words = ["--locations", str(publish_pilot(HEARS)), "--folder", str(tmp_path / "scratch")]
    child = subprocess.Popen([sys.executable, WRAPPER] + words, stdout=subprocess.PIPE)
    child.pilot = int(child.stdout.readline().split()[1])
    yield child
    child.stdout.close()
    child.kill()
    child.wait()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1])
def test_the_pilot_gets_the_wrappers_signals_and_the_folder_goes(wrapped, tmp_path, number):
    wrapped.send_signal(number)
    assert wrapped.wait(60) == 7
    assert wrapped.stdout.read() == b"%d\n" % number
    assert os.listdir(str(tmp_path / "scratch")) == []


def test_a_signal_that_comes_before_the_pilot_runs_is_passed_on_then(monkeypatch):
    sent = []
    monkeypatch.setattr(wrapper, "PASSED_ON", (signal.SIGUSR2,))  # the others stay as they are
    former = signal.getsignal(signal.SIGUSR2)
    try:
        passed_on = wrapper.SignalsPassedOn()
        os.kill(os.getpid(), signal.SIGUSR2)
        passed_on.begin(types.SimpleNamespace(send_signal=sent.append))
        os.kill(os.getpid(), signal.SIGUSR2)
    finally:
        signal.signal(signal.SIGUSR2, former)
    assert sent == [signal.SIGUSR2, signal.SIGUSR2]


def test_a_pilot_that_is_killed_is_told_as_a_shell_does(wrapped):
    os.kill(wrapped.pilot, signal.SIGKILL)
    assert wrapped.wait(60) == 128 + signal.SIGKILL


def test_a_pilot_ends_with_a_wrapper_that_is_killed(wrapped):
    wrapped.kill()
    assert wrapped.stdout.read() == b"%d\n" % signal.SIGTERM


def test_without_a_location_the_use_is_told(tmp_path):
    code, out, err = fly(tmp_path)
    assert code == 2
    assert "--locations" in err
