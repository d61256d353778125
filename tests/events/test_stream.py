"""The stream hands every event to every sink."""

from pilot.events import event as events
from pilot.events.stream import Stream
from pilot.base.log import Masker


def test_events_are_numbered_dated_and_masked():
    masker, told = Masker(), []
    masker.add("hunter22")
    stream = Stream("p1", masker)
    stream.attach_sink(told.append)
    stream.emit(events.PILOT_STARTED, word="hunter22")
    stream.emit(events.FACT_FOUND, kind="X")
    assert [(event["pilot"], event["seq"], event["event"]) for event in told] == [
        ("p1", 1, "pilot started"),
        ("p1", 2, "fact found"),
    ]
    assert told[0]["word"] == "********"
    assert told[0]["time"].endswith("Z")


def test_a_sink_that_fails_hurts_neither_the_pilot_nor_the_other_sinks():
    def broken(event):
        raise RuntimeError("no")
    told = []
    stream = Stream("p1", Masker())
    stream.attach_sink(broken)
    stream.attach_sink(told.append)
    stream.emit("a")
    stream.emit("b")
    assert len(told) == 2
    assert stream.lost == {"function": 2}
