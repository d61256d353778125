"""What payloads, servers and pilots wrote is read without a surprise, whatever it is: thousands of
mutations of what is right."""

import copy
import json
import random

import pytest

from pilot.agent import relay, stages
from pilot.pool import client, task
from pilot.pool import exported as moving
from pilot.pool.interface import Busy
from pilot.ops.server import story_api, wire
from pilot.ops.server.wire import BadRequest

ROUNDS = 1500
ODD = [
    None,
    True,
    False,
    0,
    -1,
    1 << 70,
    1.5,
    float("inf"),
    "",
    "x",
    "\0",
    "\ud800",
    "../..",
    "a" * 5000,
    [],
    [[]],
    {},
    {"a": 1},
    [None] * 50,
]
SPEC = {
    "id": "a",
    "command": ["echo", "x"],
    "env": {"A": "1"},
    "inputs": [{"url": "/f", "name": "f", "checksum": "0" * 64}],
    "outputs": [{"name": "o", "url": "/o", "optional": True}],
    "cores": 2,
    "memory_mb": 10,
    "walltime_s": 5.0,
    "limits": {"cpu_s": 5, "disk_mb": 1},
    "tags": ["t"],
    "priority": 1,
    "max_attempts": 3,
    "max_releases": 1,
    "meta": {"k": [1]},
}
EXPORTED = dict(
    SPEC,
    state="done",
    generation=1,
    attempts_used=1,
    releases=0,
    seconds_left=None,
    pilot=None,
    reason="",
    added=1.0,
    attempts=[
        {
            "generation": 1,
            "pilot": "p",
            "started": 1.0,
            "ended": 2.0,
            "outcome": "done",
            "reason": "",
            "result": {"stdout": "x"},
        }
    ],
)
ANSWER = {"files": [{"name": "o", "size": 3, "sha256": "0" * 64, "url": "/o"}], "problem": "x"}
LEASE = {"task": "a", "generation": 1, "attempt": 1, "seconds": 300.0, "spec": SPEC}
EVENT = {
    "pilot": "p",
    "seq": 1,
    "time": "2026-11-20T03:11:06.320Z",
    "event": "task finished",
    "task": "a",
    "seconds": 1.0,
    "lines": ["x"],
}


def places(value, path=()):
    """Every place inside a JSON value."""
    yield path
    for key, inner in (
        value.items()
        if isinstance(value, dict)
        else enumerate(value) if isinstance(value, list) else ()
    ):
        yield from places(inner, path + (key,))


def mutated(value, chance):
    """A copy with one to three places changed, taken out, or nested."""
    found = copy.deepcopy(value)
    for _ in range(chance.choice([1, 1, 2, 3])):
        path = chance.choice(list(places(found)))
        if not path:
            return copy.deepcopy(chance.choice(ODD))
        inner = found
        for key in path[:-1]:
            inner = inner[key]
        act = chance.randrange(4)
        if act == 0 and isinstance(inner, dict):
            del inner[path[-1]]
        elif act == 1 and isinstance(inner, dict):
            inner[chance.choice(["odd", "", "id", "name"])] = copy.deepcopy(chance.choice(ODD))
        else:
            inner[path[-1]] = copy.deepcopy(chance.choice(ODD + [found if act == 2 else "y"]))
    return found


def text_of(value, chance):
    """As JSON, now and then broken."""
    text = json.dumps(value)
    if chance.random() < 0.2:
        at = chance.randrange(len(text) + 1)
        text = (
            text[:at] + chance.choice(["", "[" * 3000, "\x00", "\\ud800", "}", "1e999"]) + text[at:]
        )
    return text


def lease_of(text):
    try:
        client._read_lease(json.loads(text), 0.0, 300.0)
    # what `_shaped` makes Busy of
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError, RecursionError):
        pass


def body_of(text):
    try:
        event = wire.parse_body(text.encode("utf-8", "surrogatepass"))
        story_api._check_event(event)
    except BadRequest:
        pass


@pytest.mark.parametrize(
    "right, read",
    [
        (ANSWER, stages.checked_answer),
        (LEASE, lease_of),
        (dict(EVENT), relay._parse_event),
        (EVENT, body_of),
        (SPEC, lambda text: list(task.Lines("f", "/").each([text]))),
        (EXPORTED, lambda text: list(moving.each_task("f", [text], []))),
    ],
    ids=[
        "a transfer's answer",
        "a lease",
        "the agent's line",
        "an event",
        "a task line",
        "an exported task",
    ],
)
def test_nothing_that_others_write_is_a_surprise(right, read):
    chance = random.Random(7)
    for _ in range(ROUNDS):
        read(text_of(mutated(right, chance), chance))


def test_what_is_right_is_read():
    assert (
        stages.checked_answer(json.dumps(ANSWER)) == ANSWER
        and relay._parse_event(json.dumps(EVENT)) == EVENT
    )
    assert (
        client._read_lease(LEASE, 0.0, 300.0).spec == SPEC and moving.find_problems(EXPORTED) == []
    )
    with pytest.raises(Busy), client._expect_shape("u"):
        client._read_lease({}, 0.0, 300.0)
