"""Decides who may send a request. It reads only the head of the request, before the body arrives.
Pure except for the cache of tokens."""

import re
from typing import Dict, NamedTuple, Optional

from pilot.ops.server.route import Route
from pilot.ops.server.tokens import LOCAL, BadToken, Identity, Keyring
from pilot.ops.server.wire import BadRequest, Head

_LOOPBACK = re.compile(r"127(\.[0-9]{1,3}){3}\Z")


class Admitted(NamedTuple):
    """A request whose head the server has accepted: its route, the names in its address, its sender
    and its token."""

    route: Route
    at: Dict[str, str]
    who: Identity
    token: str


def admit_request(
    keyring: Optional[Keyring], head: Head, route: Route, at: Dict[str, str]
) -> Admitted:
    """Check the origin, the token and the role of a request. Raises BadRequest."""
    if route.roles or head.method == "POST":
        check_origin(head, keyring is not None)
    token = read_token(head)
    return Admitted(route, at, identify_caller(keyring, route, token), token)


def check_origin(head: Head, with_tokens: bool) -> None:
    """Protect an operator's browser against pages of other servers. A body must declare that it is
    JSON, because the browser does not let such a page send JSON without permission. On a server
    without tokens the Host header must name this machine. An Origin header must name the server's
    own page. Raises BadRequest."""
    host, origin = head.headers.get("host", ""), head.headers.get("origin")
    if (
        head.method == "POST"
        and head.headers.get("content-type", "").split(";")[0].strip().lower()
        != "application/json"
    ):
        raise BadRequest(415, "a body needs the header Content-Type: application/json")
    if not with_tokens and not _is_local(host):
        raise BadRequest(
            403,
            "without tokens this server answers only under this machine's own names, not under %r"
            % host[:100],
        )
    if origin is not None and origin.partition("://")[2] != host:
        raise BadRequest(403, "a page of %s may not use this server" % origin[:100])


def identify_caller(keyring: Optional[Keyring], route: Route, token: str) -> Identity:
    """Return the owner of this token if its role may use the route. Raises BadRequest."""
    if keyring is None or not route.roles:
        return LOCAL
    if not token:
        raise BadRequest(401, "a token is needed")
    try:
        who = keyring.identify(token)
    except BadToken as error:
        raise BadRequest(401, str(error))
    if who.role not in route.roles:
        raise BadRequest(
            403,
            "%s %s may not do this: it is for %s" % (who.role, who.name, ", ".join(route.roles)),
        )
    return who


def read_token(head: Head) -> str:
    """Return the bearer token of a request, or "" if it has no token."""
    kind, _, token = head.headers.get("authorization", "").partition(" ")
    return token.strip() if kind.lower() == "bearer" else ""


def _is_local(host: str) -> bool:
    name = host[1:host.find("]")] if host.startswith("[") else host.partition(":")[0]
    return name in ("", "localhost", "::1") or bool(_LOOPBACK.match(name))
