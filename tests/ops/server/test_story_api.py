"""The API's half about pilots."""

from tests.ops.server.asking import ask
from tests.pool.stories import story


def test_a_pilot_tells_no_factorys_state_and_no_endless_event(guarded):
    event = {"pilot": "p1", "seq": 1, "event": "factory state"}
    assert ask(guarded, "POST", "/v1/events", {"events": [event]}, guarded.keys["pilot"])[0] == 403
    assert (
        ask(
            guarded,
            "POST",
            "/v1/events",
            {"events": [dict(event, event="log", lines=["x" * 300000])]},
            guarded.keys["pilot"],
        )[0]
        == 400
    )


def test_a_pilot_reads_its_own_story_alone(guarded):
    ask(
        guarded,
        "POST",
        "/v1/events",
        {"events": [dict(event, pilot="p1") for event in story(1)]},
        guarded.keys["pilot"],
    )
    assert ask(guarded, "GET", "/v1/pilots/p1", token=guarded.keys["pilot"])[0] == 200
    assert ask(guarded, "GET", "/v1/pilots/p2/events", token=guarded.keys["pilot"])[0] == 403
