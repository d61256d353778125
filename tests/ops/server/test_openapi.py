"""The description of the API."""

import json

from pilot.ops.server import openapi
from tests.conftest import ROOT
from tests.ops.server.asking import ask


def test_the_description_is_that_of_the_server(within):
    written = json.loads((ROOT / "docs" / "openapi.json").read_text())
    assert written == json.loads(
        json.dumps(openapi.describe_api())
    ), "python3 -m pilot.pool openapi > docs/openapi.json"
    for path, methods in written["paths"].items():
        for method in methods:
            status, told = (
                ask(
                    within,
                    method.upper(),
                    path.replace("{task}", "none").replace("{pilot}", "none"),
                    {} if method == "post" else None,
                )
                if path != "/metrics"
                else (200, None)
            )
            assert (
                status in (200, 400)
                or (status == 404 and "none" in told["error"])
                or (status == 409 and "tokens" in path)
                or (status == 403 and "token" in told["error"])
            ), (path, told)
