"""The pilot's log at DIRAC's servers: whatever they do, no pilot dies, no line is lost that could
be sent, the end comes in time."""

import os
import shutil
import signal

import pytest

from pilot.errors import ConfigurationFailed
from pilot.events.sender import SendFailed
from tests.conftest import extension, steady, until
from tests.extensions.pilot_dirac.dirac_client import A_MODULE
from tests.extensions.pilot_dirac.log_server import ID

tornado = extension("pilot_dirac.tornado")


def test_the_log_arrives_and_is_finalised(logged_flight, server):
    ended = logged_flight()
    assert ended.code == 0
    assert server.final == {ID: "0"}
    lines = server.logs[("dteam", ID)].splitlines()
    assert [line for line in lines if " INFO [CheckWorkerNode] " in line]
    assert all(line[:2] == "20" for line in lines)
    path, body, headers = server.requests[0]
    assert path == "/WorkloadManagement/TornadoPilotLogging"
    assert headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert "extraCredentials" not in body
    assert ended.report["events_lost"] == {}


def test_a_failed_pilot_finalises_with_its_code(logged_flight, server):
    assert logged_flight("-D", "999999999").code == 10
    assert server.final == {ID: "10"}
    assert "MB free" in server.logs[("dteam", ID)]


def test_a_host_certificate_says_so(logged_flight, server, grid, tmp_path):
    folder = tmp_path / "host"
    folder.mkdir()
    shutil.copy(str(grid / "user.crt"), str(folder / "hostcert.pem"))
    shutil.copy(str(grid / "user.key"), str(folder / "hostkey.pem"))
    assert logged_flight(environ={"X509_USER_PROXY": str(folder)}).code == 0
    assert server.final == {ID: "0"}
    assert "extraCredentials=%22hosts%22" in server.requests[0][1]


@pytest.mark.slow
def test_without_a_proxy_the_pilot_runs_all_the_same(logged_flight, server):
    ended = logged_flight(environ={"X509_USER_PROXY": ""})
    assert ended.code == 0
    assert server.final == {}
    assert "did not arrive" in ended.out


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["lying", "slow"])
def test_a_server_on_a_bad_day_costs_no_pilot_and_ten_seconds_at_most(logged_flight, server, mode):
    server.mode = mode
    began = steady()
    ended = logged_flight()
    assert ended.code == 0
    assert steady() - began < 11
    assert list(ended.report["events_lost"].values())[0] > 0
    assert "did not arrive" in ended.out


@pytest.mark.slow
def test_a_server_that_is_not_there_costs_no_pilot(pilot, grid):
    began = steady()
    ended = pilot("-E", "dirac", "-z", "-g", "https://127.0.0.1:1/x", "-X", "CheckWorkerNode")
    assert ended.code == 0
    assert steady() - began < 11


def test_a_server_that_flaps_gets_every_line_once_it_answers(logged_flight, server):
    server.mode = "flapping"
    ended = logged_flight()
    assert ended.code == 0
    assert server.final == {ID: "0"}
    assert ended.report["events_lost"] == {}
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
    assert server.final == {ID: "143"}
    assert "stopping" in server.logs[("unknown", ID)]
    assert "CheckWorkerNode" in server.logs[("unknown", ID)]


def test_an_exception_of_a_community_reaches_the_server(logged_flight, server, tmp_path):
    (tmp_path / "BadCommands.py").write_text(A_MODULE % ("Fall", "raise RuntimeError('what now')"))
    assert logged_flight("-E", "Bad,dirac", "-X", "Fall").code == 1
    assert "what now" in server.logs[("dteam", ID)]
    assert server.final == {ID: "1"}


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
    assert "line 2000\n" in server.logs[("unknown", ID)], [len(one[1]) for one in server.requests]
    assert len(server.requests) <= 8, [len(one[1]) for one in server.requests]


def test_an_id_that_the_server_would_drop_is_changed_and_said(logged_flight, server):
    ended = logged_flight("--pilotUUID", "ABCDEF01")
    assert list(server.final) == [tornado.server_uuid("ABCDEF01")]
    assert "ABCDEF01 is %s there" % tornado.server_uuid("ABCDEF01") in ended.out


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


class Settings(dict):
    """Settings without secrets."""

    def secrets(self):
        return ()


@pytest.fixture
def sender(server, grid):
    """Makes what sends to that server."""
    made = []

    def make(pilot_id=ID, **settings):
        given = Settings(remote_logger_url=server.url + "/x", vo=None, **settings)
        environ = {"X509_CERT_DIR": str(grid / "cas"), "X509_USER_PROXY": str(grid / "long.pem")}
        made.append(tornado.Tornado(given, environ, pilot_id))
        # the wrapper's words are on the standard input, which is the tests' here
        made[-1]._first = "begin\n"
        return made[-1]

    yield make
    for one in made:
        one.close()


def story(number, *lines):
    return [{"event": "log", "seq": number, "lines": list(lines)}]


def test_what_was_told_is_not_told_again(sender, server):
    one = sender()
    one.send(story(1, "first"))
    one.send(story(1, "first") + story(2, "second"))
    assert server.logs[("unknown", ID)].count("first") == 1


def test_the_beginning_is_told_once(sender, server):
    one = sender()
    one.send(story(1, "first"))
    one.send(story(2, "second"))
    assert server.logs[("unknown", ID)].count("begin\n") == 1


def test_what_a_server_refused_is_told_again(sender, server):
    one = sender()
    server.mode = "refusing"
    with pytest.raises(SendFailed):
        one.send(story(1, "first"))
    server.mode = "ok"
    one.send(story(1, "first"))
    assert "first" in server.logs[("unknown", ID)]


def test_the_end_goes_with_its_code(sender, server):
    sender().send(story(1, "x") + [{"event": "pilot finished", "seq": 2, "exit_code": 30}])
    assert server.final == {ID: "30"}


def test_the_beginning_of_a_pilot_is_sent_at_once(sender):
    one = sender(remote_logger_bufsize=50)
    assert one.weigh({"event": "pilot started"}) == one.gather


def test_lines_are_weighed_and_other_events_are_not(sender):
    one = sender()
    events = story(1, "a", "b") + [{"event": "fact found"}]
    assert [one.weigh(event) for event in events] == [2, 0]


@pytest.mark.parametrize("address", ["", "nothing", "ftp://h/x"])
def test_an_address_that_is_none_is_refused_with_a_sentence(address):
    with pytest.raises(ValueError, match="pilotLogging needs a loggerURL, https://HOST:PORT"):
        tornado.Tornado(Settings(remote_logger_url=address, vo=None), {}, ID)


@pytest.mark.parametrize("given", [ID, ID.upper(), "a" * 32])
def test_an_id_that_the_server_takes_is_kept_in_small_letters(given):
    assert tornado.server_uuid(given) == given.lower()


def test_ids_that_it_would_drop_stay_apart():
    assert tornado.server_uuid("p1") != tornado.server_uuid("p2")


@pytest.mark.parametrize("names", [["hostcert.pem"], ["hostkey.pem"], []])
def test_half_of_a_host_certificate_is_none(tmp_path, names):
    for name in names:
        (tmp_path / name).write_text("x")
    assert tornado.host_certificate({"X509_USER_PROXY": str(tmp_path)}) == ""


def test_a_host_certificate_that_cannot_be_used_is_named(tmp_path):
    for name in ("hostcert.pem", "hostkey.pem"):
        (tmp_path / name).write_text("x")
    with pytest.raises(ConfigurationFailed, match="hostcert.pem: cannot be used for TLS"):
        tornado.tls_context({"X509_USER_PROXY": str(tmp_path)})
