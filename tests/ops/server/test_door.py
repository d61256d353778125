"""Connections are accepted, and no more than can be served."""

import http.client
import os
import signal
import socket
import subprocess
import sys

import pytest

from pilot.ops.server import connections
from pilot.ops.server.door import listen_on
from pilot.pool import open_pool
from tests.conftest import ROOT, until
from tests.ops.server.asking import REQUEST, connect, stay


def test_more_connections_than_allowed_wait_until_one_has_gone(within):
    within.server.services.connections.max_connections = 2
    first = [connect(within) for _ in range(2)]
    until(lambda: len(within.server.services.connections.open) == 2)
    with connect(within) as late:
        late.sendall(REQUEST)
        late.settimeout(0.5)
        with pytest.raises(socket.timeout):
            late.recv(4096)
        for one in first:
            one.close()
        late.settimeout(60)
        assert late.recv(4096).startswith(b"HTTP/1.1 200")


def test_more_clients_than_descriptors_wait_and_the_log_stays_short(tmp_path):
    """The server has 40 descriptors for connections; 200 come, say nothing, and go."""
    program = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_NOFILE, (104, 104));"
        " from pilot.ops.pool.__main__ import main; sys.exit(main(sys.argv[1:]))"
    )
    log = open(str(tmp_path / "log"), "wb")
    child = subprocess.Popen(
        [
            sys.executable,
            "-c",
            program,
            "serve",
            "sqlite:%s/p" % tmp_path,
            "--create",
            "--listen",
            "127.0.0.1:0",
        ],
        cwd=str(ROOT),
        stdout=subprocess.PIPE,
        stderr=log,
    )
    try:
        url = child.stdout.readline().decode().split(" at ")[1].split()[0]
        crowd = stay(url, 200)
        for one in crowd:
            one.close()
        with open_pool(url) as pool:
            assert pool.status()["todo"] == 0
        child.send_signal(signal.SIGTERM)
        assert child.wait(timeout=20) == 0
    finally:
        child.kill()
        child.wait()
        child.stdout.close()
        log.close()
    assert os.path.getsize(str(tmp_path / "log")) < 2000


def test_one_address_without_a_token_leaves_room_for_others(guarded, keyring, monkeypatch):
    monkeypatch.setattr(connections, "MAX_STRANGERS", 5)
    crowd = stay(guarded.url, 5)
    until(lambda: guarded.server.services.connections.strangers == {"127.0.0.1": 5})
    late = stay(guarded.url, 1)[0]
    assert late.recv(4096) == b""
    crowd[0].close()
    until(lambda: guarded.server.services.connections.strangers == {"127.0.0.1": 4})
    good = http.client.HTTPConnection(guarded.url[len("http://") :], timeout=10)
    for _ in range(2):
        good.request("GET", "/v1/status", headers={"Authorization": "Bearer " + keyring.mint("p1")})
        assert good.getresponse().read()
    assert guarded.server.services.connections.strangers == {"127.0.0.1": 4}
    for one in crowd + [late, good]:
        one.close()


def test_a_host_with_several_addresses_has_one_port():
    sockets = listen_on("localhost", 0, 5)
    ports = {one.getsockname()[1] for one in sockets}
    for one in sockets:
        one.close()
    assert len(ports) == 1


def test_a_port_that_is_taken_is_an_error_and_leaves_nothing_open():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen(1)
        with pytest.raises(OSError):
            listen_on("127.0.0.1", taken.getsockname()[1], 5)


def test_a_host_that_is_not_there_is_an_error():
    with pytest.raises(OSError):
        listen_on("256.256.256.256", 0, 5)
