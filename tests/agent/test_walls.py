"""What a payload can reach behind each wall: the table of docs/promises.md, cell by cell.

The pilot is a plain user's, and, in the last column, root's with payloads of another user.
"""

import json
import os
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path

import pytest

from pilot.pool import open_pool
from tests.conftest import ROOT

PYTHON = "/usr/bin/python3"
UID = 54321
PROBE = r"""
import json, os, socket, sys
home, place, port = os.environ["PILOT_TASK_DIR"], sys.argv[1], int(sys.argv[2])

def can(what):
    try:
        return bool(what() or True)
    except (OSError, ValueError):
        return False

def text(path):
    with open(path, "rb") as stream:
        return stream.read()

def agents():
    # the processes around us that run the pilot's program
    found = []
    for name in os.listdir("/proc"):
        try:
            if name.isdigit() and b"pilot" in text("/proc/%s/cmdline" % name).split(b"\0")[1] and int(name) != os.getpid():
                found.append(int(name))
        except (OSError, IndexError):
            pass
    return found

def environment():
    return any(("hunter-of-" + os.path.basename(place)).encode() in text("/proc/%d/environ" % pid) for pid in agents() if can(lambda: text("/proc/%d/environ" % pid)))

def write(path):
    open(path, "a").close()

def change(path):
    os.close(os.open(path, os.O_WRONLY))  # one that is there: a container has folders of its own by the same names

print(json.dumps({
    "its own folder": can(lambda: write("mine")), "its TMPDIR": can(lambda: write(os.environ["TMPDIR"] + "/mine")),
    "files of the pilot's user": can(lambda: write(place + "/elsewhere/f")), "the pilot's own files": can(lambda: change(os.path.dirname(os.path.dirname(home)) + "/agent.json")),
    "folders of other payloads": can(lambda: write(os.path.dirname(home) + "/other/work/f")), "the agent's files about it": can(lambda: change(home + "/stdout")),
    "the token's file": can(lambda: b"hunter-in-the-file" in text(place + "/token") or 1 / 0 if not b"hunter-in-the-file" in text(place + "/token") else True),
    "the token in the environment": environment(), "the pilot's processes": bool(agents()), "the network": can(lambda: socket.create_connection(("127.0.0.1", port), 5).close()),
}))
"""
# what can be reached: none, unshare, bubblewrap, apptainer (tests/real/test_apptainer.py), another
# user
WALLS = {
    "its own folder": (1, 1, 1, 1, 1),
    "its TMPDIR": (1, 1, 1, 1, 1),
    "files of the pilot's user": (1, 1, 0, 0, 0),
    "the pilot's own files": (1, 1, 0, 0, 0),
    "folders of other payloads": (1, 1, 0, 0, 0),
    "the agent's files about it": (1, 1, 0, 0, 0),
    "the token's file": (1, 1, 0, 0, 0),
    "the token in the environment": (0, 0, 0, 0, 0),
    "the pilot's processes": (1, 0, 0, 0, 1),
    "the network": (1, 1, 1, 1, 1),
}
WAYS = ("none", "unshare", "bubblewrap", "apptainer", "another user")


def becoming(uid):
    """What a child does to be this user."""
    def become():
        os.setgroups([])
        os.setgid(uid)
        os.setuid(uid)

    return become


def works(*words):
    return (
        shutil.which(words[0]) is not None
        and subprocess.call(
            words,
            preexec_fn=becoming(UID),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
        )
        == 0
    )


@pytest.fixture
def place():
    # not below /tmp, which bubblewrap hides as a whole
    folder = Path(tempfile.mkdtemp(prefix="pw-", dir="/var/tmp"))
    yield folder
    shutil.rmtree(str(folder))


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    """The single file, where any user can read it."""
    folder = Path(tempfile.mkdtemp(prefix="pf-", dir="/var/tmp"))
    folder.chmod(0o755)
    subprocess.check_call(
        [PYTHON, "-m", "pilot.bundle", "-o", str(folder / "pilot.pyz")],
        cwd=str(ROOT),
        stdout=subprocess.DEVNULL,
    )
    yield str(folder / "pilot.pyz")
    shutil.rmtree(str(folder))


def column(way):
    """What the table says of this wall."""
    return {what: bool(cells[WAYS.index(way)]) for what, cells in WALLS.items()}


def reached(place, program, isolation, uid, path="/usr/bin:/bin", **task):
    """What a payload of a pilot in `place` finds within its reach; the pilot is that user's, or
    root's (None)."""
    with open_pool(
        "sqlite:%s/pool.sqlite" % place, create=True
    ) as pool, socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(5)
        pool.add(
            [
                dict(
                    task,
                    id="a",
                    command=[PYTHON, "probe.py", str(place), str(listener.getsockname()[1])],
                    max_attempts=1,
                    inputs=[{"url": str(place / "probe.py"), "name": "probe.py"}],
                )
            ]
        )
        furnish(place, uid)
        environ = {
            "PATH": path,
            "HOME": str(place),
            "BEARER_TOKEN_FILE": str(place / "token"),
            "PILOT_POOL_TOKEN": "hunter-of-" + place.name,
        }
        words = [
            PYTHON,
            program,
            "-X",
            "CheckWorkerNode,LaunchAgent",
            "--pool",
            "sqlite:%s/pool.sqlite" % place,
            "--workdir",
            str(place / "w"),
            "--pilot-id",
            "p1",
            "--isolation",
            isolation,
        ]
        done = subprocess.run(
            words,
            cwd=str(place),
            env=environ,
            preexec_fn=uid and becoming(uid),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=120,
        )
        told = pool.show("a")
    assert done.returncode == 0 and told["state"] == "done", (done.stdout.decode(), told)
    return json.loads(told["attempts"][0]["result"]["stdout"])


def furnish(place, uid):
    """What a payload may want to reach, beside the pool; that user's, or root's."""
    (place / "probe.py").write_text(PROBE)
    (place / "token").write_text("hunter-in-the-file\n")
    (place / "elsewhere").mkdir()
    (place / "w" / "pilot-p1" / "tasks" / "other" / "work").mkdir(parents=True)
    (place / "token").chmod(0o600)
    for path in [place] + list(place.rglob("*")):
        if uid is not None:
            os.chown(str(path), uid, uid)
    for path in (place, place / "w", place / "w" / "pilot-p1", place / "w" / "pilot-p1" / "tasks"):
        path.chmod(0o711)


@pytest.mark.skipif(
    os.geteuid() != 0 or not os.access(PYTHON, os.X_OK), reason="needs root, to be other users"
)
@pytest.mark.parametrize("way", [way for way in WAYS if way != "apptainer"])
def test_what_a_payload_can_reach(place, program, way):
    if way == "unshare" and not works(
        "unshare", "--user", "--map-root-user", "--pid", "--fork", "--mount-proc", "true"
    ):
        pytest.skip("unshare does not work here")
    if way == "bubblewrap" and not works("bwrap", "--unshare-user", "--ro-bind", "/", "/", "true"):
        pytest.skip("bubblewrap does not work here")
    found = reached(
        place,
        program,
        "none" if way == "another user" else way,
        None if way == "another user" else UID,
    )
    assert found == column(way)


def test_the_table_is_the_one_that_the_documentation_shows():
    text = (ROOT / "docs" / "promises.md").read_text()
    for what, cells in WALLS.items():
        assert (
            "| %s | %s |" % (what, " | ".join("yes" if cell else "no" for cell in cells)) in text
        ), what
