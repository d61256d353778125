"""A sick node's slot is held for a while, once."""

import json
import signal

import pytest

from tests.conftest import until


@pytest.mark.parametrize("how, code", [("time", 10), ("SIGTERM", 10), ("SIGUSR1", 10)])
def test_a_sick_node_holds_its_slot_once_and_interruptibly(start_pilot, tmp_path, how, code):
    seconds = "0.5-0.6" if how == "time" else "300-400"
    child = start_pilot(
        "-X",
        "CheckWorkerNode",
        "--min-cores",
        "9999",
        "--hold-s",
        seconds,
        "--workdir",
        str(tmp_path),
    )
    until(
        lambda: (tmp_path / "pilot-events.jsonl").exists()
        and "pilot holding" in (tmp_path / "pilot-events.jsonl").read_text()
    )
    assert json.loads((tmp_path / "pilot-report.json").read_text())["exit_code"] == 10
    if how != "time":
        assert child.poll() is None
        child.send_signal(getattr(signal, how))
    assert child.wait(timeout=60) == code
    assert (tmp_path / "pilot-events.jsonl").read_text().count("pilot holding") == 1


def test_a_failed_installation_holds_the_slot(pilot):
    ended = pilot("-X", "Install", "--install", "env:/nope", "--hold-s", "0.2-0.3")
    assert ended.code == 20
    assert "holding" in ended.err


def test_a_pilot_that_is_well_holds_nothing(pilot):
    ended = pilot("-X", "CheckWorkerNode", "--hold-s", "300")
    assert ended.code == 0
    assert "holding" not in ended.err


def test_a_hold_is_no_longer_than_the_slot(start_pilot, tmp_path):
    start_pilot(
        "-X",
        "CheckWorkerNode",
        "--min-cores",
        "9999",
        "--hold-s",
        "50000-60000",
        "--max-walltime",
        "3600",
        "--workdir",
        str(tmp_path),
    )
    path = tmp_path / "pilot-events.jsonl"
    until(lambda: path.exists() and "pilot holding" in path.read_text())
    held = [line for line in path.read_text().splitlines() if "pilot holding" in line]
    assert 0 < json.loads(held[0])["seconds"] <= 3600


def test_a_hold_is_told_with_its_length_and_code(pilot):
    ended = pilot("-X", "CheckWorkerNode", "--min-cores", "9999", "--hold-s", "0.1-0.2")
    held = [event for event in ended.events if event["event"] == "pilot holding"]
    assert [event["exit_code"] for event in held] == [10]


def test_the_report_of_a_held_slot_is_the_nodes(pilot):
    ended = pilot("-X", "CheckWorkerNode", "--min-cores", "9999", "--hold-s", "0.1-0.2")
    assert ended.report["exit_code"] == 10


def test_without_a_range_no_slot_is_held(pilot):
    ended = pilot("-X", "CheckWorkerNode", "--min-cores", "9999")
    assert "holding" not in ended.err
