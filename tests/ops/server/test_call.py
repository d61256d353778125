"""One checked request as its handler sees it."""

import pytest

from pilot.ops.server.call import Call
from pilot.ops.server.tokens import Identity
from pilot.ops.server.wire import BadRequest
from tests.ops.server.asking import CLAIM, FINISH, ask


@pytest.mark.parametrize(
    "path, body",
    [
        ("/v1/claim", dict(CLAIM, pilot="p2")),
        ("/v1/next", dict(CLAIM, pilot="p2", finals=[])),
        ("/v1/renew", {"pilot": "p2", "leases": [], "lease_s": 300}),
        ("/v1/nudge", {"pilot": "p2"}),
        ("/v1/events", {"events": [{"pilot": "p2", "seq": 1, "event": "log"}]}),
        ("/v1/finish", dict(FINISH, pilot="p2")),
    ],
)
def test_a_pilot_acts_for_itself_alone(guarded, path, body):
    status, told = ask(guarded, "POST", path, body, guarded.keys["pilot"])
    assert status == 403
    assert "pilot p1's" in told["error"]


def call(role, name):
    return Call(None, Identity(role, name), {}, {}, "", 0.0)


def test_a_pilots_id_is_its_own():
    assert call("pilot", "p1").check_owner("p1") == "p1"


@pytest.mark.parametrize("role", ["factory", "admin"])
def test_who_starts_pilots_acts_for_any(role):
    assert call(role, "me").check_owner("p2") == "p2"


def test_another_pilots_id_is_refused_in_a_sentence():
    with pytest.raises(
        BadRequest, match="the token is pilot p1's: it may not act for p2"
    ) as caught:
        call("pilot", "p1").check_owner("p2")
    assert caught.value.status == 403
