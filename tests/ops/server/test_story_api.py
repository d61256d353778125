"""The API's half about pilots."""

import pytest

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


@pytest.mark.parametrize(
    "changes, sentence",
    [
        ({"pilot": ""}, "the field pilot of an event is a text of at most 128 characters"),
        ({"event": "x" * 129}, "the field event of an event is a text of at most 128 characters"),
        ({"seq": 0}, "the field seq of an event is a whole number from 1"),
        ({"seq": True}, "the field seq of an event is a whole number from 1"),
        ({"seq": 1 << 53}, "the field seq of an event is a whole number from 1"),
        ({"x": "y" * (1 << 18)}, "an event has at most 200 fields and 262144 bytes"),
        ({"k%d" % n: n for n in range(200)}, "an event has at most 200 fields and 262144 bytes"),
    ],
)
def test_an_event_that_is_none_is_told(within, changes, sentence):
    event = dict({"pilot": "p", "event": "log", "seq": 1}, **changes)
    told = ask(within, "POST", "/v1/events", {"events": [event]})
    assert told == (400, {"error": sentence})


def test_an_event_that_comes_twice_is_new_once(within):
    body = {"events": story(1)}
    count = len(body["events"])
    told = [ask(within, "POST", "/v1/events", body)[1] for _ in range(2)]
    assert told == [{"new": count, "heard": count}, {"new": 0, "heard": count}]


@pytest.fixture
def telling(within):
    """A server that has heard of some pilots and a factory."""
    events = story(1) + story(3) + story(6)
    events.append({"pilot": "f1", "seq": 1, "event": "factory state", "state": "running"})
    ask(within, "POST", "/v1/events", {"events": events})
    return within


def test_a_pilot_that_nobody_has_heard_of_is_told(telling):
    told = ask(telling, "GET", "/v1/pilots/nobody")
    assert told == (404, {"error": "there are no events of pilot 'nobody'"})


def test_pilots_are_chosen_by_the_words_of_the_query(telling):
    told = ask(telling, "GET", "/v1/pilots?state=failed&hours=1")
    again = ask(telling, "GET", "/v1/pilots?state=failed")[1]["pilots"]
    assert (told[0], [one["pilot"] for one in again]) == (400, ["pilot-00003"])


def test_a_pilots_events_of_one_kind_are_told_in_order(telling):
    path = "/v1/pilots/pilot-00001/events?kind=command+finished&limit=3"
    told = ask(telling, "GET", path)[1]["events"]
    names = ["CheckWorkerNode", "Install", "Configure"]
    assert [one["command"] for one in told] == names


def test_sites_are_told_with_their_pilots(telling):
    told = ask(telling, "GET", "/v1/sites")[1]["sites"]
    assert {one["site"] for one in told} == {"RAL-LCG2", "SURF"}


def test_factories_are_told(telling):
    told = ask(telling, "GET", "/v1/factories")[1]["factories"]
    assert [(one["factory"], one["state"]) for one in told] == [("f1", "running")]


def test_the_overview_says_how_long_the_server_runs(telling):
    assert ask(telling, "GET", "/v1/overview")[1]["uptime_s"] >= 0


@pytest.mark.parametrize(
    "path, body",
    [
        ("/v1/tokens", {"pilot": "p"}),
        ("/v1/tokens/withdraw", {"pilot": "p"}),
        ("/v1/tokens/renew", {}),
        ("/v1/tokens/start", {"prefix": "p"}),
        ("/v1/tokens/exchange", {"id": "p1"}),
    ],
)
def test_a_server_without_tokens_says_so(within, path, body):
    assert ask(within, "POST", path, body) == (409, {"error": "this server runs without tokens"})


def test_a_token_for_an_id_that_no_pilot_can_have_is_refused(guarded):
    status, told = ask(guarded, "POST", "/v1/tokens", {"pilot": "a b"}, guarded.keys["admin"])
    assert (status, told["error"].split(": ")[0]) == (400, "this is no valid pilot id")


def test_a_token_that_was_renewed_is_the_same_pilots(guarded):
    told = ask(guarded, "POST", "/v1/tokens/renew", {}, guarded.keys["pilot"])[1]
    assert guarded.server.services.keyring.identify(told["token"]).name == "p1"


def test_a_token_that_was_withdrawn_is_refused(guarded):
    ask(guarded, "POST", "/v1/tokens/withdraw", {"pilot": "p1"}, guarded.keys["factory"])
    assert ask(guarded, "GET", "/v1/status", token=guarded.keys["pilot"])[0] == 401
