"""What the fields of a request must be."""

import pytest

from tests.ops.server.asking import CLAIM, ask


@pytest.mark.parametrize(
    "path, body, words",
    [
        ("next", {}, "pilot is missing"),
        ("next", dict(CLAIM, finals=[], count="1"), "count must be a whole number"),
        ("next", dict(CLAIM, finals=[], x=1), "no field 'x'"),
        ("next", dict(CLAIM, finals=[], offer={"cores": 1, "tags": "a"}), "offer must be"),
        ("next", dict(CLAIM, finals=[{"task": "a"}]), "finals must be"),
        ("next", dict(CLAIM, finals=[], count=10**30), "count must be"),
        ("tasks", {"tasks": [{"id": "a"}]}, "either a command or a script"),
        ("tasks", {"tasks": ["x"]}, "tasks must be a list"),
        ("events", {"events": [{"pilot": "p"}]}, "has a event"),
        ("renew", {"pilot": "p", "leases": [["a"]], "lease_s": 1}, "leases must be"),
        ("events", {"events": [{"pilot": "p", "event": "x", "seq": 0}]}, "has a seq"),
        ("restore", {"tasks": [{"id": "a", "command": ["x"], "state": "mad"}]}, "state is none"),
        (
            "restore",
            {"tasks": [{"id": "a", "command": ["x"], "attempts": [{}]}]},
            "no list of attempts",
        ),
    ],
)
def test_a_request_that_is_wrong_is_one_sentence(within, path, body, words):
    status, told = ask(within, "POST", "/v1/" + path, body)
    assert status == 400, told
    assert words in told["error"], told
