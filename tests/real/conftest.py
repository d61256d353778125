"""Real systems, started by the project's own scripts in folders of their own; a system that is not
installed is a skip with its reason."""

import fcntl
import os
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.pool.served import Served

SYSTEMS = ROOT / "tests" / "real" / "systems"
# jobs get no PATH of ours and may run as others: name a real interpreter
PYTHON = "/usr/bin/python3"


def need(*programs):
    """Skip unless these programs are installed and we are root."""
    missing = [name for name in programs if shutil.which(name) is None]
    if missing:
        pytest.skip("not installed: %s (tests/real/systems/install.sh)" % ", ".join(missing))
    if os.geteuid() != 0:
        pytest.skip("needs root")
    if subprocess.call(["getent", "hosts", os.uname().nodename], stdout=subprocess.DEVNULL):
        pytest.skip("this host's own name does not resolve")


def script(name, *words, **how):
    """Run one of the systems' scripts; its output when it ended well."""
    done = subprocess.run(
        [str(SYSTEMS / name)] + [str(word) for word in words],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=300,
        **how,
    )
    assert done.returncode == 0, "%s %s: %s" % (name, words, done.stdout.decode()[-3000:])
    return done.stdout.decode()


def build(name, *words, **how):
    """Like `script`, for what downloads or needs rights that a container may lack: where it fails
    the test is skipped."""
    try:
        return script(name, *words, **how)
    except (AssertionError, subprocess.TimeoutExpired) as error:
        pytest.skip(
            "%s cannot be made here: %s" % (name, str(error).strip().splitlines()[-1][:200])
        )


USER = "pilot-test"  # jobs are a plain user's: of root's processes a batch system signals some less
AS_USER = ["setpriv", "--reuid=" + USER, "--regid=" + USER, "--clear-groups"]


class PlainUser:
    """A user without rights of its own, whose programs AS_USER starts; `own` gives it a folder or
    file."""

    def __init__(self):
        if subprocess.call(["getent", "passwd", USER], stdout=subprocess.DEVNULL):
            subprocess.check_call(
                ["useradd", "--no-create-home", "--home-dir", "/tmp", "--shell", "/bin/sh", USER]
            )
        self.uid, self.gid = (
            int(text)
            for text in subprocess.check_output(["getent", "passwd", USER]).decode().split(":")[2:4]
        )

    def own(self, *paths):
        for path in paths:
            os.chown(str(path), self.uid, self.gid)


@pytest.fixture(scope="session")
def plain_user(tmp_path_factory):
    """Made once, by whichever worker is first."""
    with open(str(tmp_path_factory.getbasetemp().parent / "user.lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return PlainUser()


@pytest.fixture
def users_folder(plain_user):
    """A folder of the plain user's that it can reach."""
    folder = Path(tempfile.mkdtemp(prefix="pr-", dir="/tmp"))
    folder.chmod(0o755)
    plain_user.own(folder)
    yield folder
    shutil.rmtree(str(folder), ignore_errors=True)


@pytest.fixture(scope="session")
def single_file():
    """The zip form of this checkout, where any user can read it."""
    with _made_where_all_can_read() as path:
        yield path


@pytest.fixture(scope="session")
def operators_file():
    """The same with the operators' tools."""
    with _made_where_all_can_read("--with-ops") as path:
        yield path


@contextmanager
def _made_where_all_can_read(*words):
    folder = Path(tempfile.mkdtemp(prefix="pr-", dir="/tmp"))
    folder.chmod(0o755)
    path = folder / "pilot.pyz"
    bundle = [PYTHON, "-m", "pilot.bundle", "-o", str(path)] + list(words)
    subprocess.check_call(bundle, cwd=str(ROOT), stdout=subprocess.DEVNULL)
    yield path
    shutil.rmtree(str(folder))


@pytest.fixture(scope="module")
def base():
    """A short path (Unix sockets lie below it) that every user can search."""
    folder = Path(tempfile.mkdtemp(prefix="pr-", dir="/tmp"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(str(folder), ignore_errors=True)


@pytest.fixture
def server(tmp_path):
    """A pool server of the test's own."""
    folder = tmp_path / "server"
    folder.mkdir()
    one = Served(folder)
    yield one
    one.kill()
