"""A certification authority of the grid, with a server, a user and proxies, made by openssl."""

import shutil
import subprocess

import pytest

SUBJECTS = {
    "ca": "/O=Grid/CN=Test CA",
    "server": "/O=Grid/CN=localhost",
    "user": "/O=Grid/CN=Jane",
    "proxy": "/O=Grid/CN=Jane/CN=4711",
}
EXTENSIONS = """[ca]
basicConstraints=critical,CA:TRUE
keyUsage=critical,keyCertSign,cRLSign
subjectKeyIdentifier=hash
[server]
subjectAltName=DNS:localhost,IP:127.0.0.1
authorityKeyIdentifier=keyid
[user]
basicConstraints=critical,CA:FALSE
keyUsage=critical,digitalSignature
authorityKeyIdentifier=keyid
[proxy]
keyUsage=critical,digitalSignature
proxyCertInfo=critical,language:id-ppl-inheritAll
"""


def openssl(*words):
    done = subprocess.run(
        ["openssl"] + [str(word) for word in words], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.decode()


@pytest.fixture(scope="session")
def grid(tmp_path_factory):
    """A CA, a server's and a user's certificate, and two RFC 3820 proxies of the user: one ends
    before the user's certificate (short.pem), one is said to end after it (long.pem); `cas` is the
    folder of hashed names."""
    if shutil.which("openssl") is None:
        pytest.skip("no openssl here")
    folder = tmp_path_factory.mktemp("grid")
    (folder / "extensions").write_text(EXTENSIONS)

    def make(name, kind, issuer, days):
        key, request, path = (
            folder / (name + ".key"),
            folder / (name + ".csr"),
            folder / (name + ".crt"),
        )
        openssl(
            "req",
            "-new",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-keyout",
            key,
            "-out",
            request,
            "-subj",
            SUBJECTS[kind],
        )
        signer = (
            ["-signkey", key]
            if issuer is None
            else [
                "-CA",
                folder / (issuer + ".crt"),
                "-CAkey",
                folder / (issuer + ".key"),
                "-set_serial",
                4711,
            ]
        )
        openssl(
            "x509",
            "-req",
            "-in",
            request,
            "-out",
            path,
            "-days",
            days,
            "-extfile",
            folder / "extensions",
            "-extensions",
            kind,
            *signer,
        )
        return path.read_text(), key.read_text()

    make("ca", "ca", None, 30)
    for name in ("server", "user"):
        make(name, name, "ca", 9)
    for name, days in (("short", 2), ("long", 20)):
        certificate, key = make(name, "proxy", "user", days)
        (folder / (name + ".pem")).write_text(certificate + key + (folder / "user.crt").read_text())
    (folder / "cas").mkdir()
    digest = openssl("x509", "-hash", "-noout", "-in", folder / "ca.crt").strip()
    shutil.copy(str(folder / "ca.crt"), str(folder / "cas" / (digest + ".0")))
    return folder
