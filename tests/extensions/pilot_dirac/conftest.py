"""Pilots of DIRAC: with a client of small programs, with communities' modules, with a log server,
and as a folder that sites fetch."""

import os
import shlex

import pytest

from pilot.testing import run_command
from tests.conftest import extension
from tests.extensions.pilot_dirac.dirac_client import Client
from tests.extensions.pilot_dirac.log_server import ID, LogServer
from tests.test_deadline import slot  # noqa: F401

publish = extension("pilot_dirac.publish")
SERVER = "dips://cs.test:9135/Configuration/Server"


@pytest.fixture
def client(tmp_path):
    return Client(tmp_path)


@pytest.fixture
def step(client, tmp_path):
    """Runs one command of DIRAC alone in tmp_path, the client's programs on PATH."""

    def run(command, settings=None, facts=(), **environ):
        environ.setdefault("PATH", "%s:%s" % (client.bin, os.environ["PATH"]))
        given = dict(settings or {})
        if any(option.name == "configuration_servers" for option in command.options):
            given.setdefault("configuration_servers", SERVER)
        return run_command(command, tmp_path, given, facts, environ)

    return run


@pytest.fixture
def flight(pilot, client):
    """Runs dirac-pilot.py's command line; what is not said is as a site director says it."""

    def run(*words, extensions="dirac", **how):
        given = ["-E", extensions, "--pilotUUID", "p1", "-n", "LCG.TEST.org", "-N", "ce.test"]
        given += ["-Q", "q1", "--wnVO", "dteam", "--cpu-power", "20"]
        if not {"-C", "--config", "-F"} & set(words):
            given += ["-C", SERVER]
        if not any(word.startswith("--preinstalledEnv") for word in words):
            given += ["--preinstalledEnv", str(client.env)]
        return pilot(*(given + list(words)), **how)

    return run


@pytest.fixture
def modules_flight(pilot, client, tmp_path):
    """Runs a pilot with communities' modules beside it: Name=text makes NameCommands.py."""
    work = tmp_path / "work"
    work.mkdir()

    def run(*words, env=None, **modules):
        for name, text in modules.items():
            (work / (name + "Commands.py")).write_text(text)
        given = ["-E", ",".join(list(modules) + ["dirac"]), "-n", "site", "-N", "ce.test"]
        given += ["-Q", "q1", "--preinstalledEnv", client.env, "--cpu-power", "20", "-C", SERVER]
        return pilot(
            *(given + list(words)),
            cwd=str(work),
            workdir=None,
            env=dict(os.environ, **(env or {})),
        )

    return run


@pytest.fixture
def install(pilot):
    def run(*words, **how):
        return pilot("-E", "dirac", "-X", "InstallDIRAC", *words, **how)

    return run


@pytest.fixture
def installer(tmp_path, client):
    """A DIRACOS whose pip tells its words."""
    path = tmp_path / "DIRACOS.sh"
    path.write_text(
        "set -e\nmkdir diracos\n"
        'echo "files $(ulimit -n) threads $MAMBA_EXTRACT_THREADS"\n'
        "cp %s diracos/diracosrc\n" % shlex.quote(str(client.env))
    )
    client.add("pip")
    return path


@pytest.fixture
def published(tmp_path):
    """A folder as a web server has it, with a small program in the pilot's place."""
    program = (
        b"import json, os, sys\n"
        b"told = [sys.argv[1:], sys.stdin.read(), sorted(os.listdir('.'))]\n"
        b"print(json.dumps(told + [json.load(open('pilot.json'))]))\n"
        b"sys.exit(7)\n"
    )
    members = {"dirac-pilot.py": program, "VoCommands.py": b"x = 1\n"}
    folder = tmp_path / "www"
    publish.publish_files(
        str(folder), {"pilot.json": b'{"n": 1}', "pilot.tar": publish.pack_tar(members)}
    )
    return folder


@pytest.fixture
def server(grid):
    """A log server of DIRAC."""
    found = LogServer(grid)
    yield found
    found.close()


@pytest.fixture
def logged_flight(pilot, server, grid):
    """Runs a pilot that tells `server` its log."""

    def run(*words, **how):
        environ = dict(
            os.environ, X509_CERT_DIR=str(grid / "cas"), X509_USER_PROXY=str(grid / "long.pem")
        )
        environ.update(how.pop("environ", {}))
        given = ["-E", "dirac", "-z", "-g", server.url + "/WorkloadManagement/TornadoPilotLogging"]
        given += ["--pilotUUID", ID, "--wnVO", "dteam", "-X", "CheckWorkerNode"]
        return pilot(*(given + list(words)), env=environ, **how)

    return run
