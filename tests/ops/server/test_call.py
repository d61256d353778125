"""One checked request as its handler sees it."""

import pytest

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
