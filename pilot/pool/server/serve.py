"""`python3 -m pilot.pool serve sqlite:FILE`: listens until it is told to stop."""

import asyncio
import errno
import fcntl
import ipaddress
import logging
import os
import resource
import signal
import socket
import ssl
import sys
from typing import Any, NamedTuple, Optional, Tuple

from pilot.errors import PoolUnreachable, UsageError
from pilot.pool.server import tokens
from pilot.pool.server.connection import MAX_CONNECTIONS
from pilot.pool.server.server import Keep, Server
from pilot.pool.sqlite import SQLitePool

BACKLOG = 4096
SPARE_FILES = 64  # descriptors that are no connections
LISTEN_FDS_START = 3  # sd_listen_fds(3)
log = logging.getLogger("pilot.pool")


class Plan(NamedTuple):
    """What to serve, where, for whom."""

    path: str
    host: str
    port: int
    context: Optional[ssl.SSLContext]
    keyring: Optional[tokens.Keyring]
    keep: Keep


def plan(pool: str, listen: str, certificate: Optional[str], key: Optional[str], token_file: Optional[str], client_ca: Optional[str],
         keep: Keep) -> Plan:
    """The checked plan; UsageError with a sentence per mistake."""
    scheme, _, path = pool.partition(":")
    if scheme != "sqlite" or not path:
        raise UsageError("serve: %r is no sqlite:FILE" % pool)
    host, port = _address(listen)
    if key and not certificate:
        raise UsageError("--tls-key is for --tls-cert")
    if client_ca and not certificate:
        raise UsageError("--tls-client-ca is for --tls-cert")
    context = _context(certificate, key, client_ca) if certificate else None
    keyring = tokens.read(token_file) if token_file else None
    _needs_guards(host, context, keyring)
    return Plan(os.path.abspath(path), host, port, context, keyring, keep)


def _needs_guards(host: str, context: Optional[ssl.SSLContext], keyring: Optional[tokens.Keyring]) -> None:
    if not _is_loopback(host) and (context is None or keyring is None):
        missing = " and ".join(name for name, given in (("--tls-cert", context), ("--tokens", keyring)) if given is None)
        raise UsageError("%s is not this machine alone: it needs %s" % (host, missing))


def _address(listen: str) -> Tuple[str, int]:
    host, colon, port = listen.rpartition(":")
    if not colon or not port.isdigit() or int(port) > 65535:
        raise UsageError("--listen %s: is not HOST:PORT, such as 127.0.0.1:8420" % listen)
    return host.strip("[]") or "0.0.0.0", int(port)


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _context(certificate: str, key: Optional[str], client_ca: Optional[str]) -> ssl.SSLContext:
    for name, path in (("--tls-cert", certificate), ("--tls-key", key), ("--tls-client-ca", client_ca)):
        if path and not os.access(path, os.R_OK):
            raise UsageError("%s %s: cannot be read" % (name, path))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    if hasattr(ssl, "TLSVersion"):
        context.minimum_version = ssl.TLSVersion.TLSv1_2
    else:  # 3.6
        context.options |= ssl.OP_NO_TLSv1 | ssl.OP_NO_TLSv1_1
    try:
        context.load_cert_chain(certificate, key)
        if client_ca:
            context.load_verify_locations(client_ca)
            context.verify_mode = ssl.CERT_REQUIRED
            context.verify_flags |= ssl.VerifyFlags(0x40)  # X509_V_FLAG_ALLOW_PROXY_CERTS: pilots may show an RFC 3820 proxy
    except (OSError, ssl.SSLError) as error:
        how = "" if key else " (is the key in it? else give --tls-key)"
        raise UsageError("--tls-cert %s: cannot be used: %s%s" % (certificate, error, how))
    return context


def run(chosen: Plan) -> int:
    """Serve until SIGTERM or SIGINT; returns 0. PoolUnreachable when the address cannot be had."""
    os.umask(0o077)  # tasks and stories are for those with a token
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)-7s %(message)s")
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        lock = _lock(chosen.path)
        pool = SQLitePool(chosen.path, create=True)
        pool.begin_leases_anew()  # while there was no server no agent could renew
        server = Server(loop, pool, chosen.path, chosen.keyring, chosen.keep, _room())
        try:
            _until_stopped(loop, server, chosen)
        finally:
            server.close()
            os.close(lock)
        return 0
    finally:
        loop.close()


def _lock(path: str) -> int:
    """This file has one server at a time."""
    try:
        descriptor = os.open(path + ".lock", os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise UsageError("sqlite:%s: cannot be served: %s" % (path, error.strerror))
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise UsageError("sqlite:%s: another server serves it already" % path)
    return descriptor


def _room() -> int:
    """How many connections the descriptors are enough for, as many as we are allowed."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MAX_CONNECTIONS + SPARE_FILES
    most = wanted if hard == resource.RLIM_INFINITY else min(hard, wanted)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    return max(1, most - SPARE_FILES)


def _until_stopped(loop: Any, server: Server, chosen: Plan) -> None:
    listener = loop.run_until_complete(_listen(loop, server, chosen))
    name = listener.sockets[0].getsockname()
    print("serving sqlite:%s at %s://%s:%d%s" % (
        chosen.path, "https" if chosen.context else "http", "[%s]" % name[0] if ":" in name[0] else name[0], name[1],
        "" if chosen.keyring else " without tokens: whoever reaches this address owns the pool"), flush=True)
    server.start()
    stopped = loop.create_future()
    for signum in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signum, lambda: None if stopped.done() else stopped.set_result(None))
    loop.run_until_complete(stopped)
    log.info("stopping: %d requests were served", server.house.requests)
    loop.run_until_complete(_end(loop, server, listener))


async def _listen(loop: Any, server: Server, chosen: Plan) -> Any:
    try:
        passed = _passed_socket()
        if passed is not None:
            name = passed.getsockname()
            _needs_guards(str(name[0]) if isinstance(name, tuple) else "localhost", chosen.context, chosen.keyring)
            return await loop.create_server(server.connection, sock=passed, ssl=chosen.context, backlog=BACKLOG)
        return await loop.create_server(server.connection, chosen.host, chosen.port, ssl=chosen.context, backlog=BACKLOG,
                                        reuse_address=True)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise PoolUnreachable("%s:%d is taken by another program: give another --listen" % (chosen.host, chosen.port))
        raise PoolUnreachable("%s:%d cannot be listened at: %s" % (chosen.host, chosen.port, error.strerror or error))


def _passed_socket() -> Optional[socket.socket]:
    """The socket that systemd holds for us: clients wait in it while the server is restarted."""
    if os.environ.get("LISTEN_PID") != str(os.getpid()) or os.environ.get("LISTEN_FDS") != "1":
        return None
    found = socket.socket(fileno=LISTEN_FDS_START)
    found.setblocking(False)
    return found


async def _end(loop: Any, server: Server, listener: Any) -> None:
    """Done is what was asked; clients hear their answers and the connections' end."""
    listener.close()
    server.stop()
    for _ in range(50):
        if not server.house.open:
            break
        await asyncio.sleep(0.02)
