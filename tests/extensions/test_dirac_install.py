"""How DIRAC's software comes to a node, how the pilot itself does, and pilot.cfg's language."""

import hashlib
import http.server
import io
import json
import os
import shlex
import shutil
import socket
import ssl
import subprocess
import sys
import tarfile
import threading

import pytest

from tests.conftest import ROOT, extension
from tests.extensions.dirac_client import Client

cfg = extension("pilot_dirac.cfg")
diracos = extension("pilot_dirac.diracos")
release = extension("pilot_dirac.release")
publish = extension("pilot_dirac.publish")
wrapper = extension("pilot_dirac.wrapper")
WRAPPER = str(ROOT / "extensions" / "pilot_dirac" / "wrapper.py")


@pytest.fixture
def client(tmp_path):
    return Client(tmp_path)


@pytest.fixture
def install(pilot, tmp_path):
    def run(*words, **how):
        return pilot("-E", "dirac", "-X", "InstallDIRAC", *words, **how)
    return run


@pytest.fixture
def installer(tmp_path, client):
    """A DIRACOS whose pip tells its words."""
    path = tmp_path / "DIRACOS.sh"
    path.write_text('set -e\nmkdir diracos\necho "files $(ulimit -n) threads $MAMBA_EXTRACT_THREADS"\ncp %s diracos/diracosrc\n' % shlex.quote(str(client.env)))
    client.told["pip"] = {}
    (client.bin / "pip").write_text((client.bin / "dirac-version").read_text())
    (client.bin / "pip").chmod(0o755)
    client.say()
    return path


def test_a_preinstalled_one_is_found_by_version_and_platform(install, client, tmp_path):
    place = tmp_path / "sw" / "v9" / ("Linux-" + os.uname().machine)
    place.mkdir(parents=True)
    (place / "diracosrc").write_text(client.env.read_text())
    assert install("-r", "v9", "--preinstalledEnvPrefix", tmp_path / "sw").code == 0
    assert install("--CVMFS_locations", tmp_path / "no", "-o", "cvmfsOnly").code == 20
    (tmp_path / "sw" / "dirac").mkdir()
    (tmp_path / "sw" / "v9").rename(tmp_path / "sw" / "dirac" / "pro")
    ended = install("--CVMFS_locations", tmp_path / "sw")
    assert ended.code == 0 and "/dirac/pro/Linux-" in ended.report["facts"]["Installation"]["source"]


def test_a_version_without_its_script_is_no_installation(install, tmp_path):
    (tmp_path / "sw" / "dirac" / "v9" / ("Linux-" + os.uname().machine)).mkdir(parents=True)
    ended = install("-r", "v9", "--CVMFS_locations", tmp_path / "sw", "-o", "cvmfsOnly")
    assert ended.code == 20 and "cvmfsOnly forbids to install here" in ended.out


def test_diracos_and_pip_where_nothing_is_installed(install, installer, client, tmp_path):
    digest = hashlib.sha256(installer.read_bytes()).hexdigest()
    ended = install("-o", "diracInstallOnly", "--diracos-url", "%s#sha256:%s" % (installer, digest), "-l", "LHCb", "-r", "v10r1p2", "--modules", "https://h/Other.git:::Other:::dev",
                    "--pipInstallOptions", "--no-cache -q", "--userEnvVariables", "A:::1 2,B:::x", "-d")
    assert ended.code == 0, ended.out
    assert client.calls("pip") == [["install", "--no-cache", "-q", "Other[pilot] @ git+https://h/Other.git@dev"]]
    assert "threads 1" in ended.err and int(ended.err.split("files ")[1].split()[0]) <= 1048575
    shell = subprocess.check_output(["bash", "-c", ". ./bashrc; printf '%s|%s|%s' \"$A\" \"$DIRAC\" \"$B\""], cwd=str(ended.workdir)).decode()
    assert shell == "1 2|%s|x" % client.folder and "export A='1 2'" in (ended.workdir / "diracos" / "diracosrc").read_text()
    ended = install("-o", "diracInstallOnly", "--diracos-url", installer, "--userEnvVariables", "A:::3")
    assert ended.code == 0 and "export A=3" in (ended.workdir / "bashrc").read_text()


def test_an_installer_that_is_not_the_right_one_is_not_run(install, installer, tmp_path):
    installer.write_text("touch %s/run\n" % tmp_path)
    ended = install("-o", "diracInstallOnly", "--diracos-url", "%s#sha256:%s" % (installer, "0" * 64))
    assert ended.code == 20 and "sha256" in ended.out and not (tmp_path / "run").exists()


def test_values_of_any_shape_come_through_and_nothing_is_echoed(install, client, tmp_path):
    client.env.write_text(client.env.read_text() + "export MANY=$'one\\ntwo'\nexport MY_SSH_THING='{x}'\nexport ODD='a$b`c\";:'\nexport SECRET_THING=tell-nobody\n")
    ended = install("--preinstalledEnv", client.env)
    assert ended.code == 0 and "tell-nobody" not in ended.err + ended.out
    shell = subprocess.check_output(["bash", "-c", ". ./environmentSourceDirac; printf '%s|%s|%s' \"$MANY\" \"$MY_SSH_THING\" \"$ODD\""], cwd=str(ended.workdir)).decode()
    assert shell == 'one\ntwo|{x}|a$b`c";:'


def test_a_second_run_finds_no_ruins(install, installer, tmp_path):
    (tmp_path / "work" / "diracos").mkdir(parents=True)
    (tmp_path / "work" / "diracos" / "half").write_text("")
    ended = install("-o", "diracInstallOnly", "--diracos-url", installer)
    assert ended.code == 0 and not (ended.workdir / "diracos" / "half").exists()


@pytest.mark.parametrize("text, version", [("v9r1", "9.1.0"), ("v9r1p22", "9.1.22"), ("v9r1p2-pre3", "9.1.2a3"), ("9.12", "9.12"), ("9.0.1a5", "9.0.1a5")])
def test_versions_as_pip_has_them(text, version):
    assert release.dotted_version(text) == version and release.pinned_version(text) == "==" + version and release.pinned_version("integration") == release.pinned_version("") == ""
    assert release.dotted_version(release.lettered_version(version)) == version or version == "9.12"


def test_what_pip_is_asked_for():
    assert diracos.pip_requirements("", "v9r1", (("https://h/DIRAC", "DIRAC", "x"),)) == [["DIRAC[pilot] @ git+https://h/DIRAC@x"]]
    assert diracos.pip_requirements("LHCb", "v10r1p2", ()) == [["LHCbDIRAC[pilot]==10.1.2"]] and diracos.pip_requirements("", "integration", ()) == [["DIRAC[pilot]"]]


TEXT = "A\n{\n  x = 1\n  B\n  {\n    y = a\n    y += b\n    z = {not a section}\n  }\n}\n"


def test_a_cfg_is_read_and_written_as_it_was(tmp_path):
    tree = cfg.parse_cfg(TEXT)
    assert tree == {"A": {"x": "1", "B": {"y": "a, b", "z": "{not a section}"}}} and cfg.render_cfg(tree) == TEXT
    assert cfg.parse_cfg("A { B {\nx = 1\n} } # end\n".replace("# end", "")) == {"A": {"B": {"x": "1"}}}
    (tmp_path / "c").write_text(TEXT)
    cfg.update_file(str(tmp_path / "c"), {"/A/B/y": "c", "/New/Deep/Name": "v=w"})
    assert cfg.get_option(cfg.parse_cfg((tmp_path / "c").read_text()), "/A/B/y") == "c" and cfg.get_option(cfg.parse_cfg((tmp_path / "c").read_text()), "New/Deep/Name") == "v=w"
    assert cfg.get_option(tree, "/A") == "" and cfg.get_option(tree, "/A/x/y") == ""


@pytest.mark.parametrize("text, words", [("A\n{\n", "} is missing"), ("}\n", "line 1: a } too many"), ("{\n}\n", "line 1: a { without a name"), ("A = 1\nA\n{\n}\n", "line 3: A is a value")])
def test_a_malformed_cfg_is_told_with_its_line(tmp_path, text, words):
    (tmp_path / "c").write_text(text)
    with pytest.raises(ValueError) as told:
        cfg.update_file(str(tmp_path / "c"), {"/A/x": "1"})
    assert words in str(told.value) and str(tmp_path / "c") in str(told.value)
    with pytest.raises(ValueError):
        cfg.set_option({"A": "1"}, {"/A/x": "2"})


@pytest.fixture
def published(tmp_path):
    """A folder as a web server has it, with a small program in the pilot's place."""
    program = b"import json, os, sys\nprint(json.dumps([sys.argv[1:], sys.stdin.read(), sorted(os.listdir('.')), json.load(open('pilot.json'))]))\nsys.exit(7)\n"
    folder = tmp_path / "www"
    publish.publish_files(str(folder), {"pilot.json": b'{"n": 1}', "pilot.tar": publish.pack_tar({"dirac-pilot.py": program, "VoCommands.py": b"x = 1\n"})})
    return folder


def fly(tmp_path, *words, **environ):
    done = subprocess.run([sys.executable, WRAPPER] + [str(word) for word in words], cwd=str(tmp_path), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          env=dict(os.environ, **environ))
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def test_the_wrapper_fetches_verifies_and_becomes_the_pilot(published, tmp_path):
    code, out, err = fly(tmp_path, "--locations", "%s,%s" % (tmp_path / "none", published), "--", "-N", "ce $(x)", DIRAC_PILOT_STAMP="abc")
    words, stdin, names, profile = json.loads(out)
    assert code == 7 and words == ["-N", "ce $(x)", "--pilotUUID", "abc"] and "starting dirac-pilot.py" in stdin and "VoCommands.py" in names and profile == {"n": 1}


@pytest.mark.parametrize("way", ["manifest.json", "checksums.sha512"])
def test_both_ways_of_publishing_are_taken_and_a_wrong_file_is_not(published, tmp_path, way, monkeypatch):
    (published / {"manifest.json": "checksums.sha512", "checksums.sha512": "manifest.json"}[way]).unlink()
    assert fly(tmp_path, "--locations", published)[0] == 7
    monkeypatch.setattr(wrapper, "WAIT_S", 0)
    for path in [published / "pilot.tar"] + list((published / "files").iterdir()):
        path.write_bytes(path.read_bytes() + b"x")
    assert wrapper.fetch_files([str(published)]) is None
    assert any("does not fit" in line for line in wrapper.LINES)


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
    assert "plain http may be anybody's" in fly(tmp_path, "--locations", "http://127.0.0.1:1")[2]


def test_https_does_not_lead_to_http(published, tmp_path, monkeypatch):
    key, cert = str(tmp_path / "key.pem"), str(tmp_path / "cert.pem")
    subprocess.check_call(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", cert, "-days", "2", "-subj", "/CN=localhost",
                           "-addext", "subjectAltName=DNS:localhost"], stderr=subprocess.DEVNULL)
    digest = hashlib.sha512((published / "manifest.json").read_bytes()).hexdigest()
    with Places(published) as plain:
        secure = Places(published, "http://127.0.0.1:%d" % plain.port)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if hasattr(ssl, "PROTOCOL_TLS_SERVER") else ssl.PROTOCOL_TLS)
        context.load_cert_chain(cert, key)
        secure.http.socket = context.wrap_socket(secure.http.socket, server_side=True)
        with secure:
            monkeypatch.setattr(wrapper, "WAIT_S", 0)
            monkeypatch.setenv("SSL_CERT_FILE", cert)
            del wrapper.LINES[:]
            assert wrapper.fetch_files(["https://localhost:%d" % secure.port], wrapper.Trust(sha512=digest)) is None
    assert any("is not followed" in line for line in wrapper.LINES)


@pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="no ssh-keygen here")
def test_a_signature_is_asked_for_and_verified(published, tmp_path, monkeypatch):
    monkeypatch.setattr(wrapper, "WAIT_S", 0)
    for name in ("ours", "theirs"):
        subprocess.check_call(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / name)])
    signers = tmp_path / "signers"
    signers.write_text("pilots@example.org " + (tmp_path / "ours.pub").read_text())
    trust = wrapper.Trust(signers=str(signers))
    assert wrapper.fetch_files([str(published)], trust) is None
    for key, good in (("theirs", False), ("ours", True)):
        for path in published.glob("*.sig"):
            path.unlink()
        subprocess.check_call(["ssh-keygen", "-q", "-Y", "sign", "-n", "pilot", "-f", str(tmp_path / key), str(published / "manifest.json")], stderr=subprocess.DEVNULL)
        assert (wrapper.fetch_files([str(published)], trust) is not None) is good
    (published / "manifest.json").write_text((published / "manifest.json").read_text().replace("made", "mode"))
    assert wrapper.fetch_files([str(published)], trust) is None


def test_an_old_manifest_is_not_taken_where_its_age_is_bounded(published, monkeypatch):
    monkeypatch.setattr(wrapper, "WAIT_S", 0)
    assert wrapper.fetch_files([str(published)], wrapper.Trust(max_age_days=1)) is not None
    told = json.loads((published / "manifest.json").read_text())
    (published / "manifest.json").write_text(json.dumps(dict(told, made=told["made"] - 2 * 86400)))
    assert wrapper.fetch_files([str(published)], wrapper.Trust(max_age_days=1)) is None and "days old" in "".join(wrapper.LINES)


def test_an_update_under_way_is_waited_for(published, monkeypatch):
    (published / "manifest.json").unlink()
    right = (published / "pilot.json").read_bytes()
    (published / "pilot.json").write_bytes(b"{}")
    monkeypatch.setattr(wrapper.time, "sleep", lambda seconds: (published / "pilot.json").write_bytes(right))
    assert wrapper.fetch_files([str(published)])["pilot.json"] == right


def test_a_manifest_goes_on_naming_what_it_named(published):
    old = json.loads((published / "manifest.json").read_text())["files"]
    publish.publish_files(str(published), {"pilot.json": b"{}", "pilot.tar": b"new"})
    assert all((published / "files" / digest).exists() for digest in old.values())
    assert wrapper.by_manifest(str(published)) == {"pilot.json": b"{}", "pilot.tar": b"new"}


def test_nothing_outside_its_folder_comes_out_of_a_tar(tmp_path):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, kind in (("../../evil.py", tarfile.REGTYPE), ("/abs.py", tarfile.REGTYPE), ("link", tarfile.SYMTYPE), ("device", tarfile.CHRTYPE)):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "/etc/passwd"
            archive.addfile(info, io.BytesIO(b""))
    wrapper.unpack_tar(out.getvalue(), str(tmp_path))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["abs.py", "evil.py", "pilot.tar"]


def test_what_is_published_is_a_pilot(tmp_path):
    (tmp_path / "VoCommands.py").write_text("from pilotTools import CommandBase\n\n\nclass Hi(CommandBase):\n    def execute(self):\n        self.log.info('hi from the community')\n")
    (tmp_path / "pilot.json").write_text(json.dumps({"ConfigurationServers": [], "Defaults": {"Pilot": {"CommandExtensions": "Vo", "Commands": "CheckWorkerNode, Hi"}}}))
    subprocess.check_call([sys.executable, "-m", "pilot_dirac.publish", "-o", str(tmp_path / "www"), "--pilot-json", str(tmp_path / "pilot.json"), "--module", str(tmp_path / "VoCommands.py")],
                          env=dict(os.environ, PYTHONPATH="%s:%s" % (ROOT, ROOT / "extensions")), stdout=subprocess.DEVNULL)
    code, out, err = fly(tmp_path, "--locations", tmp_path / "www", "--", "-N", "ce", "-D", "1")
    assert code == 0 and "hi from the community" in err and "Exit code 0" in out


@pytest.mark.parametrize("answer", [b"garbage\r\n\r\n", b"HTTP/1.0 200 OK\r\n\r\nnull", b"HTTP/1.0 403 No\r\n\r\n<html>", None])
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


@pytest.mark.parametrize("words, told", [
    (("--pilot-json", "{file}"), "not JSON"), (("--module", "{file}"), "is no Python"), (("--module", "/nowhere/x.py"), "cannot be read"), (("-o", "/dev/null/x"), "cannot be made")])
def test_what_would_break_every_pilot_is_not_published(tmp_path, capsys, words, told):
    (tmp_path / "broken").write_text("{def:")
    assert publish.main(["-o", str(tmp_path / "out")] + [word.format(file=tmp_path / "broken") for word in words]) == 2
    assert told in capsys.readouterr().err and not (tmp_path / "out").exists()
