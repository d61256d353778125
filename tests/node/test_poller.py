"""The ends of a slot, read in a thread of its own."""

import threading

import pytest

from pilot.node import features, poller, spot
from pilot.node.features import Features
from tests.conftest import until

END = "MACHINEFEATURES/shutdowntime"


def test_a_poller_never_lets_anybody_wait(silent, tmp_path):
    one = poller.Poller(lambda: features.known_ends(Features(silent, None)), 60)
    assert one.latest == {}
    one.stop()
    (tmp_path / "shutdowntime").write_text("5000")
    one = poller.Poller(lambda: features.known_ends(Features(str(tmp_path), None)), 0.01)
    until(lambda: one.latest == {END: 5000.0})
    (tmp_path / "shutdowntime").unlink()
    until(lambda: one.latest == {})
    one.stop()


def test_what_was_known_still_holds_when_the_server_fails(tmp_path):
    class Failing(Features):
        """A web server that has become too busy to answer."""

        def read_key(self, place, key):
            self._silent.add(place)

    places = [Features(str(tmp_path), None)]
    (tmp_path / "shutdowntime").write_text("5000")
    one = poller.Poller(lambda: features.known_ends(places[0]), 0.01)
    assert one.first.wait(5)
    assert one.latest == {END: 5000.0}
    asked = []
    places[0] = Failing("http://busy", None)
    inner = places[0].read_key
    places[0].read_key = lambda place, key: asked.append(key) or inner(place, key)
    until(lambda: len(asked) > 12)
    assert one.latest == {END: 5000.0}
    one.stop()


def test_what_was_never_answered_ends_no_waiting_for_the_first_answer():
    one = poller.Poller(lambda: None, 60)
    assert one.first.wait(60)
    assert one.latest == {}
    one.stop()


def test_a_poller_that_was_stopped_reads_no_more():
    asked, go = [], threading.Event()

    def read():
        asked.append(threading.current_thread())
        go.wait(60)
        return {}
    one = poller.Poller(read, 0.001)
    until(lambda: asked)
    one.stop()
    go.set()
    asked[0].join(60)
    assert len(asked) == 1


def test_files_are_read_at_once_whenever_they_are_asked_for(tmp_path):
    read = poller.ends_reader(Features(str(tmp_path), None), "none", 60)
    assert read() == {}
    (tmp_path / "shutdowntime").write_text("5000")
    assert read() == {END: 5000.0}


def test_a_web_servers_first_answer_is_waited_for(tmp_path):
    (tmp_path / "shutdowntime").write_text("5000")
    read = poller.ends_reader(Features("file://%s" % tmp_path, None), "none", 3600)
    assert read() == {END: 5000.0}


def test_between_two_questions_a_web_servers_last_answer_holds(tmp_path):
    (tmp_path / "shutdowntime").write_text("5000")
    read = poller.ends_reader(Features("file://%s" % tmp_path, None), "none", 3600)
    (tmp_path / "shutdowntime").write_text("6000")
    assert read() == {END: 5000.0}


@pytest.mark.parametrize("notice", [{}, {spot.SOURCE: 4000.0}])
def test_a_spot_notice_is_told_beside_the_machines_features(tmp_path, monkeypatch, notice):
    (tmp_path / "shutdowntime").write_text("5000")
    monkeypatch.setattr(spot, "reader", lambda cloud: lambda: notice)
    read = poller.ends_reader(Features(str(tmp_path), None), "ec2", 60)
    assert read() == dict(notice, **{END: 5000.0})
