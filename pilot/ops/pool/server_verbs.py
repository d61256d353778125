"""Verbs for a pool server: withdraw, serve, feed, openapi, mint, start-token, token."""

import argparse
import json
from typing import TYPE_CHECKING, Callable

from pilot import values
from pilot.errors import UsageError
from pilot.ops.pool.verbs import VerbTable
from pilot.pool import interface

if TYPE_CHECKING:
    from pilot.pool.client import HTTPPool


def add_server_verbs(verbs: VerbTable) -> None:
    """Add these verbs to the command line."""
    _add_withdraw_verb(verbs)
    _add_serve_verb(verbs)
    _add_feed_verbs(verbs)
    _add_token_verbs(verbs)


def _add_withdraw_verb(verbs: VerbTable) -> None:
    withdraw = verbs.add_verb(
        "withdraw",
        withdraw_token,
        "revoke every token of one pilot; needs a token of a factory or an admin",
    )
    withdraw.add_argument("server", metavar="SERVER", help="http(s)://HOST:PORT")
    withdraw.add_argument("pilot", metavar="ID")


def _add_serve_verb(verbs: VerbTable) -> None:
    serve = verbs.add_pool_verb("serve", serve_pool, "serve a sqlite:FILE to many machines over HTTP")
    serve.add_argument(
        "--listen", default="127.0.0.1:8420", metavar="HOST:PORT", help="default: 127.0.0.1:8420"
    )
    serve.add_argument(
        "--tls-cert", metavar="FILE", help="the server's certificate, with its chain (PEM)"
    )
    serve.add_argument("--tls-key", metavar="FILE", help="its key, unless that is in the same file")
    serve.add_argument(
        "--tls-client-ca",
        metavar="FILE",
        help="accept only clients with a certificate of these CAs",
    )
    serve.add_argument(
        "--tokens", metavar="FILE", help="the file of tokens and their roles; `pilot.pool token` makes it"
    )
    serve.add_argument("--create", action="store_true", help="create the file if it does not exist")
    serve.add_argument("--keep-done-days", type=values.number, metavar="N",
                       help="delete tasks that were done so many days ago (default: never)")
    serve.add_argument("--keep-days", type=values.number, default=30.0, metavar="N",
                       help="delete pilots' stories after so many days (default: 30)")
    serve.add_argument("--keep-mb", type=values.number, default=4000.0, metavar="N",
                       help="delete the oldest events when they take more (default: 4000)")


def _add_feed_verbs(verbs: VerbTable) -> None:
    feed = verbs.add_verb(
        "feed", feed_server, "move pilots' events from a message queue into a server"
    )
    feed.add_argument(
        "queue", metavar="QUEUE", help="stomp[+ssl]://[USER:PASSWORD@]HOST[:PORT]/QUEUE"
    )
    feed.add_argument("server", metavar="SERVER", help="http(s)://HOST:PORT")
    verbs.add_verb("openapi", print_openapi, "the server's API, described (OpenAPI 3.0)")


def _add_token_verbs(verbs: VerbTable) -> None:
    mint = verbs.add_verb(
        "mint", mint_token, "a token for one pilot, from a server; needs a token of a factory or an admin"
    )
    mint.add_argument("server", metavar="SERVER", help="http(s)://HOST:PORT")
    mint.add_argument("pilot", metavar="ID", help="the id that the pilot will be started with")
    mint.add_argument(
        "--seconds",
        type=float,
        default=6 * 3600.0,
        help="how long it is valid, unless the pilot renews it (default: 21600)",
    )
    start = verbs.add_verb(
        "start-token",
        make_start_token,
        "a token that several pilots exchange at their start, each for its own; from a server",
        "Make a start token: up to N pilots whose ids begin with PREFIX exchange it for their own.",
    )
    start.add_argument("server", metavar="SERVER", help="http(s)://HOST:PORT")
    start.add_argument("prefix", metavar="PREFIX", help="what the pilots' ids begin with")
    start.add_argument("--count", type=int, default=1, metavar="N", help="how many pilots (default: 1)")
    start.add_argument(
        "--seconds",
        type=float,
        default=7 * 86400.0,
        help="how long pilots may wait in a queue until they start (default: 604800)",
    )
    token = verbs.add_verb(
        "token",
        make_token,
        "make a token for an operator, into the file that serve --tokens reads",
        "Make a token: it is printed once, the file keeps its hash.",
    )
    token.add_argument("file", metavar="FILE")
    token.add_argument("role", choices=("admin", "factory", "reader"))
    token.add_argument("name", metavar="NAME")


def serve_pool(given: argparse.Namespace) -> int:
    """Serve the pool until SIGTERM or SIGINT."""
    from pilot.ops.server import serve  # imported here: the other verbs need no event loop
    from pilot.ops.server.upkeep import Retention

    return serve.run_server(
        serve.plan_server(
            given.pool,
            given.listen,
            given.tls_cert,
            given.tls_key,
            given.tokens,
            given.tls_client_ca,
            Retention(given.keep_days, given.keep_mb, given.keep_done_days),
            given.create,
        )
    )


def feed_server(given: argparse.Namespace) -> int:
    """Move events until SIGTERM or SIGINT."""
    from pilot.ops.server import feed

    try:
        return feed.run_feed(given.queue, given.server)
    except ValueError as error:
        raise UsageError("feed: %s" % error)


def print_openapi(given: argparse.Namespace) -> int:
    """Print the OpenAPI description as JSON."""
    from pilot.ops.server import openapi

    print(json.dumps(openapi.describe_api(), indent=1, sort_keys=True))
    return 0


def mint_token(given: argparse.Namespace) -> int:
    """Get a pilot's token from the server. Print only the token."""
    return _print_token(given.server, lambda pool: pool.mint(given.pilot, given.seconds))


def make_start_token(given: argparse.Namespace) -> int:
    """Get a start token from the server. Print only the token."""
    return _print_token(
        given.server, lambda pool: pool.start_token(given.prefix, given.count, given.seconds)
    )


def _print_token(server: str, get: "Callable[[HTTPPool], str]") -> int:
    from pilot.pool.client import HTTPPool

    pool = HTTPPool(server)
    try:
        print(get(pool))
    except interface.StaleLease as error:  # 409: the server uses no tokens
        raise UsageError(str(error))
    finally:
        pool.close()
    return 0


def make_token(given: argparse.Namespace) -> int:
    """Make a token for the tokens file. Print only the token."""
    from pilot.ops.server import tokens

    print(tokens.add_token(given.file, given.role, given.name))
    return 0


def withdraw_token(given: argparse.Namespace) -> int:
    """Withdraw a pilot's tokens. The server refuses the next request of this pilot."""
    from pilot.pool.client import HTTPPool

    pool = HTTPPool(given.server)
    try:
        pool.withdraw(given.pilot)
    except interface.StaleLease as error:  # 409: the server uses no tokens
        raise UsageError(str(error))
    finally:
        pool.close()
    print("withdrawn")
    return 0
