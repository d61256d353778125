"""The API's table: which address does what for whom."""

import pytest

from pilot.ops.server import routes
from pilot.ops.server.route import MEGABYTE
from tests.ops.server.asking import CLAIM, FINISH, ask


def test_addresses_that_are_not_there_and_methods_that_are_not_theirs(within):
    assert ask(within, "GET", "/v1/nothing")[0] == 404
    assert ask(within, "GET", "/v1/tasks/none")[0] == 404
    status, told = ask(within, "GET", "/v1/next")
    assert status == 405
    assert "POST" in told["error"]


def test_bodies_have_limits(within):
    status, told = ask(within, "POST", "/v1/nudge", raw=b"x" * (MEGABYTE + 1))
    assert status == 413
    assert "1048577" in told["error"]


BODIES = {
    "/v1/tasks": {"tasks": []},
    "/v1/restore": {"tasks": []},
    "/v1/cancel": {"tasks": []},
    "/v1/claim": CLAIM,
    "/v1/next": dict(CLAIM, finals=[]),
    "/v1/nudge": {"pilot": "p1"},
    "/v1/renew": {"pilot": "p1", "leases": [], "lease_s": 300},
    "/v1/tokens": {"pilot": "p1"},
    "/v1/events": {"events": []},
    "/v1/finish": FINISH,
}


@pytest.mark.parametrize(
    "route", routes.ROUTES, ids=lambda route: "%s %s" % (route.method, route.path)
)
def test_each_address_is_for_its_roles_alone(guarded, route):
    path = route.path.replace("{task}", "none").replace("{pilot}", "p1")
    body = BODIES.get(route.path, {}) if route.method == "POST" else None
    for role, token in guarded.keys.items():
        if path == "/metrics" and role in route.roles:
            continue  # no JSON
        status, told = ask(guarded, route.method, path, body, token)
        allowed = not route.roles or role in route.roles
        assert (status != 403 or "no token" in str(told)) if allowed else status == 403, (
            role,
            status,
            told,
        )
        assert status != 401
    assert ask(guarded, route.method, path, body)[0] == (401 if route.roles else 200)
    assert ask(guarded, route.method, path, body, "nonsense")[0] == (401 if route.roles else 200)


def test_what_an_address_names_is_found():
    route, named = routes.find_route("GET", ("v1", "pilots", "p/1", "events"))
    assert (route.path, named) == ("/v1/pilots/{pilot}/events", {"pilot": "p/1"})


def test_a_head_is_a_get():
    assert routes.find_route("HEAD", ("healthz",)) == routes.find_route("GET", ("healthz",))


@pytest.mark.parametrize("path", [("v1", "tasks", ""), ("v1",), (), ("v1", "pilots", "p", "x")])
def test_an_address_that_is_none_is_not_found(path):
    assert routes.find_route("GET", path) is None


@pytest.mark.parametrize(
    "path, methods",
    [
        (("v1", "tasks"), ["GET", "POST"]),
        (("v1", "next"), ["POST"]),
        (("healthz",), ["GET"]),
        (("none",), []),
    ],
)
def test_an_address_has_its_methods(path, methods):
    assert routes.methods_of(path) == methods
