"""The pilot's log at DIRAC's servers: whatever they do, no pilot dies, no line is lost that could
be sent, the end comes in time."""

import importlib
import json
import os
import shutil
import signal

import pytest

from pilot.events.sender import SendFailed
from tests.conftest import extension, steady, until
from tests.extensions.log_server import LogServer

telling = extension("pilot_dirac.telling")
tornado = extension("pilot_dirac.tornado")
ID = "12345678-aaaa-bbbb-cccc-123456789012"


@pytest.fixture
def server(grid):
    found = LogServer(grid)
    yield found
    found.close()


@pytest.fixture
def flight(pilot, server, grid):
    def run(*words, **how):
        environ = dict(
            os.environ, X509_CERT_DIR=str(grid / "cas"), X509_USER_PROXY=str(grid / "long.pem")
        )
        environ.update(how.pop("environ", {}))
        return pilot(
            "-E",
            "dirac",
            "-z",
            "-g",
            server.url + "/WorkloadManagement/TornadoPilotLogging",
            "--pilotUUID",
            ID,
            "--wnVO",
            "dteam",
            "-X",
            "CheckWorkerNode",
            *words,
            env=environ,
            **how,
        )
    return run


def test_the_log_arrives_and_is_finalised(flight, server):
    ended = flight()
    assert ended.code == 0 and server.final == {ID: "0"}
    lines = server.logs[("dteam", ID)].splitlines()
    assert [line for line in lines if " INFO [CheckWorkerNode] " in line] and all(
        line[:2] == "20" for line in lines
    )
    path, body, headers = server.requests[0]
    assert (
        path == "/WorkloadManagement/TornadoPilotLogging"
        and headers["Content-Type"] == "application/x-www-form-urlencoded"
        and "extraCredentials" not in body
    )
    assert ended.report["events_lost"] == {}


def test_a_failed_pilot_finalises_with_its_code(flight, server):
    assert (
        flight("-D", "999999999").code == 10
        and server.final == {ID: "10"}
        and "MB free" in server.logs[("dteam", ID)]
    )


def test_a_host_certificate_says_so(flight, server, grid, tmp_path):
    folder = tmp_path / "host"
    folder.mkdir()
    shutil.copy(str(grid / "user.crt"), str(folder / "hostcert.pem"))
    shutil.copy(str(grid / "user.key"), str(folder / "hostkey.pem"))
    assert flight(environ={"X509_USER_PROXY": str(folder)}).code == 0
    assert server.final == {ID: "0"} and "extraCredentials=%22hosts%22" in server.requests[0][1]


@pytest.mark.slow
def test_without_a_proxy_the_pilot_runs_all_the_same(flight, server):
    ended = flight(environ={"X509_USER_PROXY": ""})
    assert ended.code == 0 and server.final == {} and "did not arrive" in ended.err


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["lying", "slow"])
def test_a_server_on_a_bad_day_costs_no_pilot_and_ten_seconds_at_most(flight, server, mode):
    server.mode = mode
    began = steady()
    ended = flight()
    assert (
        ended.code == 0
        and steady() - began < 11
        and list(ended.report["events_lost"].values())[0] > 0
    )
    assert "did not arrive" in ended.err


@pytest.mark.slow
def test_a_server_that_is_not_there_costs_no_pilot(pilot, grid):
    began = steady()
    ended = pilot("-E", "dirac", "-z", "-g", "https://127.0.0.1:1/x", "-X", "CheckWorkerNode")
    assert ended.code == 0 and steady() - began < 11


def test_a_server_that_flaps_gets_every_line_once_it_answers(flight, server):
    server.mode = "flapping"
    ended = flight()
    assert ended.code == 0 and server.final == {ID: "0"} and ended.report["events_lost"] == {}
    assert server.logs[("dteam", ID)].count("CheckWorkerNode] ok after") == 1


def test_a_server_that_comes_back_gets_what_was_told_before(start_pilot, server, grid, tmp_path):
    server.mode = "refusing"
    child = start_pilot(
        "-E",
        "dirac",
        "-z",
        "-g",
        server.url + "/",
        "--pilotUUID",
        ID,
        "-X",
        "CheckWorkerNode,LaunchAgent",
        "-x",
        "sleep 60",
        "--workdir",
        "w",
        env=dict(
            os.environ, X509_CERT_DIR=str(grid / "cas"), X509_USER_PROXY=str(grid / "long.pem")
        ),
    )
    until(server.seen.is_set, what="the first try")
    server.mode = "ok"
    until(lambda: ("unknown", ID) in server.logs, 15, "the second try")
    child.send_signal(signal.SIGTERM)
    assert child.wait(10) == 143
    assert (
        server.final == {ID: "143"}
        and "stopping" in server.logs[("unknown", ID)]
        and "CheckWorkerNode" in server.logs[("unknown", ID)]
    )


def test_an_exception_of_a_community_reaches_the_server(flight, server, tmp_path):
    (tmp_path / "BadCommands.py").write_text(
        "from pilotTools import CommandBase\n\n\nclass Fall(CommandBase):\n    def execute(self):\n        raise RuntimeError('what now')\n"
    )
    assert flight("-E", "Bad,dirac", "-X", "Fall").code == 1
    assert "what now" in server.logs[("dteam", ID)] and server.final == {ID: "1"}


def test_what_the_wrapper_wrote_comes_first_and_an_open_pipe_holds_nobody(flight, server):
    ended = flight(stdin=_pipe(b"wrapper line\n", False))
    assert ended.code == 0 and server.logs[("dteam", ID)].split("\n")[1] == "wrapper line"
    server.logs.clear()
    began = steady()
    ended = flight(stdin=_pipe(b"half a line", True))
    assert (
        ended.code == 0
        and steady() - began < 8
        and server.logs[("dteam", ID)].split("\n")[1].startswith("half a line")
    )


def _pipe(text, stays_open):
    reading, writing = os.pipe()
    os.write(writing, text)
    if not stays_open:
        os.close(writing)
    return reading


def test_few_large_messages_are_sent(start_pilot, server, grid, tmp_path):
    words = (
        "-E",
        "dirac",
        "-z",
        "-g",
        server.url + "/",
        "--pilotUUID",
        ID,
        "-X",
        "CheckWorkerNode,LaunchAgent",
        "-x",
        "for i in $(seq 2000); do echo line $i; done",
        "--workdir",
        "w",
    )
    environ = dict(
        os.environ, X509_CERT_DIR=str(grid / "cas"), X509_USER_PROXY=str(grid / "long.pem")
    )
    assert start_pilot(*words, env=environ).wait(30) == 0
    assert "line 2000\n" in server.logs[("unknown", ID)] and len(server.requests) <= 8, [
        len(one[1]) for one in server.requests
    ]


@pytest.mark.parametrize("words, heard", [(["-N", "ce1"], True), (["-N", "ce2"], False)])
def test_only_computing_elements_of_the_white_list_tell(flight, server, words, heard):
    ended = flight("--remote-logger-ces-white-list", "ce1,ce3", *words)
    assert ended.code == 0 and bool(server.requests) == heard


def test_an_id_that_the_server_would_drop_is_changed_and_said(flight, server):
    ended = flight("--pilotUUID", "ABCDEF01")
    assert (
        list(server.final) == [tornado.server_uuid("ABCDEF01")]
        and "ABCDEF01 is %s there" % tornado.server_uuid("ABCDEF01") in ended.err
    )


@pytest.mark.parametrize(
    "status, data, final",
    [
        (500, b"x", False),
        (200, b"no json", False),
        (200, b'{"OK": false, "Message": "busy"}', False),
        (200, b'{"OK": false, "Message": "Pilot UUID is invalid"}', True),
        (200, b"[]", False),
    ],
)
def test_what_is_not_ok_is_a_failure(status, data, final):
    with pytest.raises(SendFailed) as told:
        tornado.judge_answer(status, data)
    assert told.value.final == final
    tornado.judge_answer(200, b'{"OK": true, "Value": 1}')


def test_lines_keep_their_parts():
    line = telling.parse_line("2026-11-20T03:11:06.320Z WARNING CheckWorkerNode: cores: 2")
    assert (
        line.text() == "2026-11-20T03:11:06.320Z WARNING [CheckWorkerNode] cores: 2"
        and telling.parse_line("plain").text().endswith(" INFO [Pilot] plain")
    )


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
    assert ended.code == 0 and ended.report["events_lost"] == {}
    assert {"timestamp", "severity", "message", "scope"} == set(diracx.logs[ID][0]) and [
        one for one in diracx.logs[ID] if one["scope"] == "CheckWorkerNode"
    ]
    assert diracx.requests[-1][0].startswith("/api/auth/revoke?refresh_token=r1")
    everything = (
        "".join(
            (ended.workdir / name).read_text()
            for name in ("pilot.log", "pilot-report.json", "pilot-events.jsonl")
        )
        + ended.out
        + ended.err
    )
    assert "secret-of-pilot" not in everything and "t1" not in [
        one["message"] for one in diracx.logs[ID]
    ]


def test_a_token_of_diracx_is_renewed_in_time(pilot, diracx):
    diracx.tokens["t1"] = 1
    ended = told(pilot, diracx, "-D", "1", "--remote-logger-bufsize", "1")
    assert (
        ended.code == 0
        and [one for one in diracx.requests if one[0] == "/api/auth/token"]
        and diracx.logs[ID]
    )


@pytest.mark.slow
def test_a_refused_secret_costs_no_pilot(pilot, diracx):
    ended = told(pilot, diracx, "--pilotSecret", "wrong-secret")
    assert ended.code == 0 and not diracx.logs and "did not arrive" in ended.err


def test_a_token_in_the_proxy_is_used(tmp_path):
    diracx_module = importlib.import_module("pilot_dirac.diracx")
    import base64
    path = tmp_path / "proxy"
    path.write_text(
        "-----BEGIN DIRACX-----\n%s-----END DIRACX-----\n"
        % base64.encodebytes(json.dumps({"access_token": "a"}).encode()).decode()
    )
    assert diracx_module.embedded_token({"X509_USER_PROXY": str(path)}) == {"access_token": "a"}
    path.write_text("-----BEGIN DIRACX-----\n!!!-----END DIRACX-----\n")
    assert (
        diracx_module.embedded_token({"X509_USER_PROXY": str(path)}) == {}
        and diracx_module.embedded_token({"X509_USER_PROXY": str(tmp_path)}) == {}
    )


@pytest.mark.parametrize(
    "words", [("-z", "-g", "https://[::1/x"), ("--diracx_URL", "https://[::1/x")]
)
def test_an_address_that_is_none_costs_no_pilot(pilot, words):
    ended = pilot("-E", "dirac", "-X", "CheckWorkerNode", *words)
    assert ended.code == 0 and "the log is not sent" in ended.err


def test_a_secret_in_the_wrappers_words_is_masked(flight, server):
    assert (
        flight(
            "--pilotSecret", "hidden-word", stdin=_pipe(b"PILOT_SECRET=hidden-word\n", False)
        ).code
        == 0
    )
    assert (
        "PILOT_SECRET=********" in server.logs[("dteam", ID)]
        and "hidden-word" not in server.logs[("dteam", ID)]
    )


@pytest.mark.parametrize("words", [("-z",), ("-z", "-g", "nothing")])
def test_a_log_server_without_an_address_is_told(pilot, words):
    ended = pilot("-E", "dirac", "-X", "CheckWorkerNode", *words)
    assert ended.code == 0 and "the log is not sent: pilotLogging wants a loggerURL" in ended.err
