"""Machine/Job Features, read from folders and web servers alike."""

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from pilot.node import features
from pilot.node.deadline import Deadline

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
    assert found.read_key(found.job, "hs06_job") is None


@pytest.mark.parametrize(
    "environ",
    [{}, {"JOBFEATURES": ""}, {"JOBFEATURES": "relative"}, {"JOBFEATURES": "/no/such/folder"}],
)
def test_without_features_nothing_is_known(environ):
    found = features.find(environ)
    assert features.cores(found) is None
    assert features.ends(found) == {}


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
    deadline.update_ends()
    assert deadline.end() == (100.0, "batch")
    (tmp_path / "shutdowntime").write_text("5030")
    now[0] = 10.0
    deadline.update_ends()
    assert deadline.end() == (20.0, "MACHINEFEATURES/shutdowntime")
    (tmp_path / "shutdowntime").unlink()
    deadline.update_ends()
    assert deadline.end() == (90.0, "batch")


def test_no_known_end_is_none_and_a_drain_file_is_seen_when_it_comes(tmp_path):
    deadline = Deadline({}, dict, [str(tmp_path / "drain")])
    deadline.update_ends()
    assert deadline.end() is None
    assert deadline.drain_file() == ""
    (tmp_path / "drain").write_text("")
    assert deadline.drain_file() == str(tmp_path / "drain")


def test_a_server_that_never_answers_is_asked_once(silent, monkeypatch):
    monkeypatch.setattr(features, "TIMEOUT_S", 0.2)
    asked, inner = [], features.Features._read_bytes
    monkeypatch.setattr(
        features.Features,
        "_read_bytes",
        lambda reader, place, key: asked.append(key) or inner(reader, place, key),
    )
    place = features.find({"MACHINEFEATURES": silent, "JOBFEATURES": silent})
    assert features.cores(place) is None
    assert features.ends(place) == {}
    assert features.memory_mb(place) is None
    assert asked == ["allocated_cpu"]


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
