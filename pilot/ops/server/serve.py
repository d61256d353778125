"""`python3 -m pilot.pool serve sqlite:FILE`: checks its options, listens, and serves until it
receives a signal."""

import asyncio
import errno
import ipaddress
import logging
import os
import resource
import signal
import socket
import ssl
import sys
import time
from typing import List, NamedTuple, Optional, Tuple

from pilot.errors import PoolUnreachable, UsageError
from pilot.ops.pool import copies as sqlite_copies
from pilot.pool.interface import Busy
from pilot.ops.server import tokens
from pilot.ops.server.connections import MAX_CONNECTIONS
from pilot.ops.server.custody import Custody
from pilot.ops.server.door import Door, listen_on
from pilot.ops.server.seldom import Seldom
from pilot.ops.server.server import Server
from pilot.ops.server.sqlite_store import SQLiteStore
from pilot.ops.server.upkeep import Retention

BACKLOG = 1024
SPARE_FILES = 64  # descriptors that are not for connections
LISTEN_FDS_START = 3  # sd_listen_fds(3)
log = logging.getLogger("pilot.pool")


class Plan(NamedTuple):
    """The settings of a server: the file it serves, its address, and who may use it."""

    path: str
    host: str
    port: int
    context: Optional[ssl.SSLContext]
    keyring: Optional[tokens.Keyring]
    retention: Retention
    create: bool = False


def plan_server(
    pool: str,
    listen: str,
    certificate: Optional[str],
    key: Optional[str],
    token_file: Optional[str],
    client_ca: Optional[str],
    retention: Retention,
    create: bool = False,
) -> Plan:
    """Check the options and return the plan. UsageError for a mistake."""
    scheme, _, path = pool.partition(":")
    if scheme != "sqlite" or not path:
        raise UsageError("serve: %r is no sqlite:FILE" % pool)
    host, port = _parse_address(listen)
    if key and not certificate:
        raise UsageError("--tls-key is for --tls-cert")
    if client_ca and not certificate:
        raise UsageError("--tls-client-ca is for --tls-cert")
    context = _tls_context(certificate, key, client_ca) if certificate else None
    keyring = tokens.read_keyring(token_file) if token_file else None
    _require_guards(host, context, keyring)
    return Plan(os.path.abspath(path), host, port, context, keyring, retention, create)


def _require_guards(
    host: str, context: Optional[ssl.SSLContext], keyring: Optional[tokens.Keyring]
) -> None:
    if not _is_loopback(host) and (context is None or keyring is None):
        missing = " and ".join(
            name
            for name, given in (("--tls-cert", context), ("--tokens", keyring))
            if given is None
        )
        raise UsageError("%s is not a loopback address: it needs %s" % (host, missing))


def _parse_address(listen: str) -> Tuple[str, int]:
    host, colon, port = listen.rpartition(":")
    if not colon or not port.isdigit() or int(port) > 65535:
        raise UsageError("--listen %s: is not HOST:PORT, such as 127.0.0.1:8420" % listen)
    return host.strip("[]") or "0.0.0.0", int(port)


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _tls_context(certificate: str, key: Optional[str], client_ca: Optional[str]) -> ssl.SSLContext:
    for name, path in (
        ("--tls-cert", certificate),
        ("--tls-key", key),
        ("--tls-client-ca", client_ca),
    ):
        if path and not os.access(path, os.R_OK):
            raise UsageError("%s %s: cannot be read" % (name, path))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    if hasattr(ssl, "TLSVersion"):
        context.minimum_version = ssl.TLSVersion.TLSv1_2
    else:  # Python 3.6
        context.options |= ssl.OP_NO_TLSv1 | ssl.OP_NO_TLSv1_1
    try:
        context.load_cert_chain(certificate, key)
        if client_ca:
            context.load_verify_locations(client_ca)
            context.verify_mode = ssl.CERT_REQUIRED
            # X509_V_FLAG_ALLOW_PROXY_CERTS: pilots may use an RFC 3820 proxy certificate
            context.verify_flags |= ssl.VerifyFlags(0x40)
    except (OSError, ssl.SSLError) as error:
        how = "" if key else " (does it contain the key? otherwise give --tls-key)"
        raise UsageError("--tls-cert %s: cannot be used: %s%s" % (certificate, error, how))
    return context


def run_server(chosen: Plan) -> int:
    """Serve until SIGTERM or SIGINT. Return 0. PoolUnreachable if the address is not available or
    if the file was removed or replaced. UsageError if this file cannot be served."""
    # only clients with a token may read tasks and stories, so no other user may read the files
    os.umask(0o077)
    logging.basicConfig(
        stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)-7s %(message)s"
    )
    for handler in logging.getLogger().handlers:
        handler.addFilter(Seldom())
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        _open_file(chosen)
        custody = Custody(chosen.path)
        pool = SQLiteStore(custody.path)
        with pool.batch():
            pool.extend_leases(pool.away_s())  # agents could not renew leases without a server
            pool.note_served()
        server = Server(loop, pool, custody.path, chosen.keyring, chosen.retention, _count_room())
        server.upkeep.find_problem = custody.find_problem
        try:
            _until_stopped(loop, server, chosen)
        finally:
            server.close()
            custody.close()
        return 0
    finally:
        loop.close()


def _open_file(chosen: Plan) -> None:
    """Check the file. Create a new one only with --create, so that an empty pool does not silently
    replace a lost one."""
    if chosen.create and not os.path.exists(chosen.path):
        SQLiteStore(chosen.path, create=True).close()
    if not os.path.exists(chosen.path):
        raise UsageError(
            "sqlite:%s: there is no such file; --create makes a new pool, `pilot.pool restore` restores a copy"
            % (chosen.path)
        )
    sqlite_copies.check_file(chosen.path)


def _count_room() -> int:
    """Raise the limit of descriptors. Return how many connections it allows."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MAX_CONNECTIONS + SPARE_FILES
    most = wanted if hard == resource.RLIM_INFINITY else min(hard, wanted)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    return max(1, most - SPARE_FILES)


def _until_stopped(loop: asyncio.AbstractEventLoop, server: Server, chosen: Plan) -> None:
    door = Door(loop, server.services.connections, server.make_connection, chosen.context)
    for listener in _open_sockets(chosen):
        door.add_listener(listener)
    name = door.read_address()
    print(
        "serving sqlite:%s at %s://%s:%d%s"
        % (
            chosen.path,
            "https" if chosen.context else "http",
            "[%s]" % name[0] if ":" in name[0] else name[0],
            name[1],
            "" if chosen.keyring else " without tokens: everybody who reaches this address can change the pool",
        ),
        flush=True,
    )
    server.start()
    stopped: "asyncio.Future[str]" = loop.create_future()

    def stop(problem: str = "") -> None:
        if not stopped.done():
            stopped.set_result(problem)

    server.upkeep.on_problem = stop
    for signum in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signum, stop)
    problem = loop.run_until_complete(stopped)
    if problem:
        door.close()
        raise PoolUnreachable(
            "%s: the server stops, because what it writes now would be lost%s"
            % (problem, _rescue_writes(server, chosen.path))
        )
    log.info("stopping: %d requests were served", server.services.connections.requests)
    loop.run_until_complete(_end_server(server, door))


def _rescue_writes(server: Server, path: str) -> str:
    """Copy what the server can still read of the pool to a new file beside it. Return the end of
    the error sentence."""
    target = "%s.rescued-%d" % (path, time.time())
    try:
        server.services.pool.copy_to(target)
    except (Busy, UsageError, OSError) as error:
        return "; a copy of the pool could not be made: %s" % error
    return "; a copy of the pool is in %s (pilot.pool restore)" % target


def _open_sockets(chosen: Plan) -> List[socket.socket]:
    try:
        passed = _passed_socket()
        if passed is None:
            return listen_on(chosen.host, chosen.port, BACKLOG)
        name = passed.getsockname()
        _require_guards(
            str(name[0]) if isinstance(name, tuple) else "localhost", chosen.context, chosen.keyring
        )
        return [passed]
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise PoolUnreachable(
                "%s:%d is used by another program: give another --listen"
                % (chosen.host, chosen.port)
            )
        raise PoolUnreachable(
            "the server cannot listen on %s:%d: %s" % (chosen.host, chosen.port, error.strerror or error)
        )


def _passed_socket() -> Optional[socket.socket]:
    """Return the socket that systemd passes to the server. Clients wait in its queue during a
    restart."""
    if os.environ.get("LISTEN_PID") != str(os.getpid()) or os.environ.get("LISTEN_FDS") != "1":
        return None
    listener = socket.socket(fileno=LISTEN_FDS_START)
    listener.setblocking(False)
    return listener


async def _end_server(server: Server, door: Door) -> None:
    """Finish the submitted work and wait until the clients have received their answers."""
    door.close()
    server.stop()
    for _ in range(50):
        if not server.services.connections.open:
            break
        await asyncio.sleep(0.02)
