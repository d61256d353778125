"""DiracX gets the log: a token for the secret, renewed in time, given back."""

import base64
import json
import os

import pytest

from tests.conftest import extension
from tests.extensions.pilot_dirac.log_server import ID, LogServer

diracx_module = extension("pilot_dirac.diracx")


@pytest.fixture
def diracx():
    found = LogServer()
    yield found
    found.close()


def told(pilot, server, *words, **environ):
    return pilot(
        "-E",
        "dirac",
        "--diracx_URL",
        server.url,
        "--pilotSecret",
        "secret-of-pilot",
        "--pilotUUID",
        ID,
        "-X",
        "CheckWorkerNode",
        *words,
        env=dict(os.environ, **environ),
    )


def test_diracx_takes_the_secret_and_then_lines(pilot, diracx):
    ended = told(pilot, diracx)
    assert ended.code == 0
    assert ended.report["events_lost"] == {}
    assert {"timestamp", "severity", "message", "scope"} == set(diracx.logs[ID][0])
    assert [one for one in diracx.logs[ID] if one["scope"] == "CheckWorkerNode"]
    assert diracx.requests[-1][0].startswith("/api/auth/revoke?refresh_token=r1")
    everything = (
        "".join(
            (ended.workdir / name).read_text()
            for name in ("pilot.log", "pilot-report.json", "pilot-events.jsonl")
        )
        + ended.out
        + ended.err
    )
    assert "secret-of-pilot" not in everything
    assert "t1" not in [one["message"] for one in diracx.logs[ID]]


def test_a_token_of_diracx_is_renewed_in_time(pilot, diracx):
    diracx.tokens["t1"] = 1
    ended = told(pilot, diracx, "-D", "1", "--remote-logger-bufsize", "1")
    assert ended.code == 0
    assert [one for one in diracx.requests if one[0] == "/api/auth/token"]
    assert diracx.logs[ID]


@pytest.mark.slow
def test_a_refused_secret_costs_no_pilot(pilot, diracx):
    ended = told(pilot, diracx, "--pilotSecret", "wrong-secret")
    assert ended.code == 0
    assert not diracx.logs
    assert "did not arrive" in ended.err


def test_a_token_in_the_proxy_is_used(tmp_path):
    path = tmp_path / "proxy"
    path.write_text(
        "-----BEGIN DIRACX-----\n%s-----END DIRACX-----\n"
        % base64.encodebytes(json.dumps({"access_token": "a"}).encode()).decode()
    )
    assert diracx_module.embedded_token({"X509_USER_PROXY": str(path)}) == {"access_token": "a"}
    path.write_text("-----BEGIN DIRACX-----\n!!!-----END DIRACX-----\n")
    assert diracx_module.embedded_token({"X509_USER_PROXY": str(path)}) == {}
    assert diracx_module.embedded_token({"X509_USER_PROXY": str(tmp_path)}) == {}
