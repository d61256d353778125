import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from pilot.node import features, poller
from pilot.node.deadline import Deadline
from tests.conftest import until

KEYS = {
    "allocated_cpu": "4\n",
    "max_rss_bytes": "2147483648",
    "jobstart_secs": "1000",
    "wall_limit_secs": "500",
    "shutdowntime_job": "1400",
    "scratch_limit_bytes": "1048576000",
}


@pytest.fixture(params=["folder", "file URL", "http URL"])
def place(request, tmp_path):
    """The same features as a folder, as file:// and behind a web server."""
    for key, value in KEYS.items():
        (tmp_path / key).write_text(value)
    if request.param != "http URL":
        yield ("file://" if request.param == "file URL" else "") + str(tmp_path)
        return

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *words):
            pass

        def do_GET(self):
            text = KEYS.get(self.path[len("/jf/"):])
            self.send_response(200 if text else 404)
            self.end_headers()
            self.wfile.write((text or "<html>").encode())

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield "http://127.0.0.1:%d/jf/" % server.server_port
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_folder_and_a_url_are_read_alike(place):
    found = features.find({"JOBFEATURES": place})
    assert (features.cores(found), features.memory_mb(found), features.disk_mb(found)) == (
        4,
        2048,
        1000,
    )
    assert features.ends(found) == {
        "JOBFEATURES/shutdowntime_job": 1400.0,
        "JOBFEATURES/wall_limit_secs": 1500.0,
    }
    assert found.read(found.job, "hs06_job") is None


@pytest.mark.parametrize(
    "environ",
    [{}, {"JOBFEATURES": ""}, {"JOBFEATURES": "relative"}, {"JOBFEATURES": "/no/such/folder"}],
)
def test_without_features_nothing_is_known(environ):
    found = features.find(environ)
    assert features.cores(found) is None and features.ends(found) == {}


@pytest.mark.parametrize("text", ["11d5b0f2-uuid", "", "-5", "nan", "inf"])
def test_values_that_are_no_numbers_are_not_believed(tmp_path, text):
    (tmp_path / "jobstart_secs").write_text(text)
    (tmp_path / "wall_limit_secs").write_text("500")
    assert features.ends(features.Features(None, str(tmp_path))) == {}


def test_the_earliest_end_is_the_deadline_and_features_are_read_anew(tmp_path):
    now = [0.0]
    deadline = Deadline(
        {"batch": 100.0},
        lambda: features.ends(features.Features(str(tmp_path), None)),
        [],
        lambda: now[0],
        lambda: 5000.0 + now[0],
    )
    deadline.refresh()
    assert deadline.end() == (100.0, "batch")
    (tmp_path / "shutdowntime").write_text("5030")
    now[0] = 10.0
    deadline.refresh()
    assert deadline.end() == (20.0, "MACHINEFEATURES/shutdowntime")
    (tmp_path / "shutdowntime").unlink()
    deadline.refresh()
    assert deadline.end() == (90.0, "batch")


def test_no_known_end_is_none_and_a_drain_file_is_seen_when_it_comes(tmp_path):
    deadline = Deadline({}, dict, [str(tmp_path / "drain")])
    deadline.refresh()
    assert deadline.end() is None and deadline.draining() == ""
    (tmp_path / "drain").write_text("")
    assert deadline.draining() == str(tmp_path / "drain")


@pytest.fixture
def silent():
    """A server that takes connections and never answers."""
    import socket

    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(8)
    yield "http://127.0.0.1:%d/mf" % listener.getsockname()[1]
    listener.close()


def test_a_server_that_never_answers_is_asked_once(silent, monkeypatch):
    monkeypatch.setattr(features, "TIMEOUT_S", 0.2)
    asked, inner = [], features.Features._read_bytes
    monkeypatch.setattr(
        features.Features,
        "_read_bytes",
        lambda reader, place, key: asked.append(key) or inner(reader, place, key),
    )
    place = features.find({"MACHINEFEATURES": silent, "JOBFEATURES": silent})
    assert (
        features.cores(place) is None
        and features.ends(place) == {}
        and features.memory_mb(place) is None
    )
    assert asked == ["allocated_cpu"]


def test_a_poller_never_lets_anybody_wait(silent, tmp_path):
    one = poller.Poller(lambda: features.known_ends(features.Features(silent, None)), 60)
    assert one.latest == {}
    one.stop()
    (tmp_path / "shutdowntime").write_text("5000")
    one = poller.Poller(lambda: features.known_ends(features.Features(str(tmp_path), None)), 0.01)
    until(lambda: one.latest == {"MACHINEFEATURES/shutdowntime": 5000.0})
    (tmp_path / "shutdowntime").unlink()
    until(lambda: one.latest == {})
    one.stop()


def test_what_was_known_still_holds_when_the_server_fails(tmp_path):
    class Failing(features.Features):
        """A web server that has become too busy to answer."""

        def read(self, place, key):
            self._silent.add(place)

    places = [features.Features(str(tmp_path), None)]
    (tmp_path / "shutdowntime").write_text("5000")
    one = poller.Poller(lambda: features.known_ends(places[0]), 0.01)
    assert one.first.wait(5) and one.latest == {"MACHINEFEATURES/shutdowntime": 5000.0}
    asked = []
    places[0] = Failing("http://busy", None)
    inner = places[0].read
    places[0].read = lambda place, key: asked.append(key) or inner(place, key)
    until(lambda: len(asked) > 12)
    assert one.latest == {"MACHINEFEATURES/shutdowntime": 5000.0}
    one.stop()


@pytest.mark.parametrize(
    "values, end",
    [
        ({"cpu_limit_secs": "7200", "jobstart_secs": "1000", "allocated_cpu": "4"}, 2800.0),
        ({"cpu_limit_secs": "7200", "jobstart_secs": "1000"}, 8200.0),
        ({"cpu_limit_secs": "7200"}, None),
        ({"cpu_limit_secs": "x", "jobstart_secs": "1000"}, None),
    ],
)
def test_the_cpu_limit_counts_all_cores_together(tmp_path, values, end):
    for name, text in values.items():
        (tmp_path / name).write_text(text)
    assert (
        features.ends(features.Features(None, str(tmp_path))).get("JOBFEATURES/cpu_limit_secs")
        == end
    )
