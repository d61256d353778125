"""DiracX gets the log: a token for the secret, renewed in time, given back."""

import base64
import json
import os

import pytest

from pilot.events.sender import SendFailed
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
        + ended.out
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
    assert "did not arrive" in ended.out


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


STORY = [{"event": "log", "lines": ["2026-11-20T03:11:06.320Z INFO A: hello"], "seq": 1}]
ENDING = [{"event": "pilot finished", "exit_code": 0, "seq": 2}]


@pytest.fixture
def sender(diracx):
    """Makes what sends to that server."""
    made = []

    def make(secret="secret-of-pilot", place=None, **environ):
        settings = dict(
            place or {}, diracx_url=diracx.url, pilot_secret=secret, client_id="c1"
        )
        made.append(diracx_module.DiracX(settings, environ, "p1"))
        return made[-1]

    yield make
    for one in made:
        one.close()


def test_a_line_arrives_in_its_parts(sender, diracx):
    sender().send(STORY)
    assert diracx.logs["p1"] == [
        {
            "timestamp": "2026-11-20T03:11:06.320Z",
            "severity": "INFO",
            "scope": "A",
            "message": "hello",
        }
    ]


def test_the_stamp_of_the_submitter_names_the_pilot(sender, diracx):
    sender(DIRAC_PILOT_STAMP="abc").send(STORY)
    assert list(diracx.logs) == ["abc"]


def test_without_any_token_the_sentence_says_what_to_give(sender):
    with pytest.raises(SendFailed, match="give --pilotSecret"):
        sender(secret="").send(STORY)


def test_a_wrong_secret_is_told_with_the_servers_words(sender):
    with pytest.raises(SendFailed, match="secret-exchange: HTTP 401.*bad secret"):
        sender(secret="wrong").send(STORY)


def test_a_pilot_that_nobody_submitted_names_its_place(sender, diracx):
    """A 401 on the secret alone: once more with the place (the open proposals of DIRAC's pilot)."""
    diracx.vacuum = True
    one = sender(place={"vo": "dteam", "ce_type": "Vac", "site": "VAC.TEST.org"})
    one.send(STORY)
    assert diracx.logs["p1"]
    first, second = diracx.exchanges
    assert first == {"pilot_stamp": "p1", "pilot_secret": "secret-of-pilot"}
    assert second == dict(
        first, vo="dteam", grid_type="Vac", grid_site="VAC.TEST.org", status="Running"
    )


def test_a_wrong_secret_stays_wrong_with_a_place(sender, diracx):
    with pytest.raises(SendFailed, match="HTTP 401"):
        sender(secret="wrong", place={"vo": "dteam"}).send(STORY)
    assert len(diracx.exchanges) == 2


def test_the_token_in_the_proxy_needs_no_secret(sender, diracx, tmp_path):
    token = base64.encodebytes(json.dumps({"access_token": "t1"}).encode()).decode()
    proxy = tmp_path / "proxy"
    proxy.write_text("-----BEGIN DIRACX-----\n%s-----END DIRACX-----\n" % token)
    sender(secret="", X509_USER_PROXY=str(proxy)).send(STORY)
    assert [path for path, _, _ in diracx.requests if "secret-exchange" in path] == []
    assert list(diracx.logs) == ["p1"]


def test_the_place_that_took_a_line_is_asked_first_then(sender, diracx):
    one = sender()
    one.send(STORY)
    del diracx.requests[:]
    one.send(STORY)
    assert [path for path, _, _ in diracx.requests] == ["/api/pilots/legacy/message"]


def test_at_the_end_the_token_is_given_back(sender, diracx):
    one = sender()
    one.send(STORY)
    one.send(ENDING)
    assert diracx.requests[-1][0] == "/api/auth/revoke?refresh_token=r1&client_id=c1"


def test_a_server_that_fails_is_tried_again(sender, diracx):
    diracx.mode = "refusing"
    with pytest.raises(SendFailed) as told_of:
        sender().send(STORY)
    assert not told_of.value.final


def test_lines_are_weighed_and_other_events_are_not(sender):
    assert [sender().weigh(event) for event in STORY + ENDING] == [1, 0]
