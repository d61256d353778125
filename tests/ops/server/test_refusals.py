"""Refusals are counted, and described once."""

from pilot.ops.server.refusals import RefusalCounter
from tests.ops.server.asking import ask


def test_what_was_refused_is_described_once_with_the_last_words():
    refusals = RefusalCounter()
    refusals.count_refusal(403, "10.0.0.1", b"first")
    refusals.count_refusal(401, "10.0.0.2", b"second")
    sentence = "requests refused: 1 times HTTP 401, 1 times HTTP 403; the last one, from 10.0.0.2: second"
    assert [refusals.describe_new(), refusals.describe_new()] == [sentence, ""]


def test_what_was_refused_is_logged_once(guarded):
    for token in ("nonsense", "", guarded.keys["reader"]):
        ask(guarded, "POST", "/v1/cancel", {"tasks": []}, token)
    news = guarded.call(guarded.server.services.connections.refusals.describe_new)
    assert "2 times HTTP 401" in news
    assert "1 times HTTP 403" in news
    assert "from 127.0.0.1" in news
    assert "it is for admin" in news
    assert guarded.call(guarded.server.services.connections.refusals.describe_new) == ""
