import json

from pilot.events import event as events
from pilot.events.console import ConsoleSink
from pilot.events.file import FileSink
from pilot.events.stream import Stream
from pilot.events.tally import TaskTally
from pilot.base.log import Masker


def test_events_are_numbered_dated_and_masked():
    masker, told = Masker(), []
    masker.add("hunter22")
    stream = Stream("p1", masker)
    stream.attach(told.append)
    stream.emit(events.PILOT_STARTED, word="hunter22")
    stream.emit(events.FACT_FOUND, kind="X")
    assert [(event["pilot"], event["seq"], event["event"]) for event in told] == [
        ("p1", 1, "pilot started"),
        ("p1", 2, "fact found"),
    ]
    assert told[0]["word"] == "********" and told[0]["time"].endswith("Z")


def test_a_sink_that_fails_hurts_neither_the_pilot_nor_the_other_sinks():
    def broken(event):
        raise RuntimeError("no")
    told = []
    stream = Stream("p1", Masker())
    stream.attach(broken)
    stream.attach(told.append)
    stream.emit("a")
    stream.emit("b")
    assert len(told) == 2 and stream.lost == {"function": 2}


def test_the_file_has_one_json_object_a_line(tmp_path):
    sink = FileSink(str(tmp_path / "events"))
    sink({"event": "x", "text": "a\nb"})
    sink({"event": "y"})
    assert [
        json.loads(line)["event"] for line in (tmp_path / "events").read_text().splitlines()
    ] == ["x", "y"]


def test_the_tally_counts_how_tasks_ended():
    tally = TaskTally()
    for outcome in ("done", "done", "error", "released", "retried", "other"):
        tally({"event": events.TASK_STARTED, "task": outcome})
        tally(
            {
                "event": events.TASK_FINISHED,
                "task": outcome,
                "outcome": outcome,
                "reason": "r",
                "folder": None,
            }
        )
    tally({"event": events.TASK_STARTED, "task": "x"})
    tally({"event": events.AGENT_FINISHED, "reason": "no task is left"})
    assert tally.running == {"x"} and tally.end == "no task is left"
    assert [failure["task"] for failure in tally.failures] == ["error", "retried"]
    assert tally.counts == {"done": 2, "error": 1, "released": 1, "retried": 1, "lost": 0}


def test_the_console_takes_every_kind_of_event():
    sink = ConsoleSink()
    sink({"event": events.COMMAND_STARTED, "command": "A"})
    sink(
        {
            "event": events.COMMAND_FINISHED,
            "command": "A",
            "status": "ok",
            "seconds": 1.0,
            "reason": "",
        }
    )
    sink(
        {
            "event": events.TASK_FINISHED,
            "outcome": "error",
            "task": "t",
            "seconds": 1.0,
            "reason": "exit code 1",
        }
    )
    sink({"event": events.PILOT_FINISHED})
