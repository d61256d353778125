"""A pool server as a child process, and clients that keep it busy: what the server's benchmarks
share."""

import os
import select
import socket
import subprocess
import sys
import time
from typing import Any, Dict, Iterator, List, Tuple

from measure import ENVIRON, ROOT

PAGE_TICKS = os.sysconf("SC_CLK_TCK")


class Served:
    """`url` and `port` are where it listens; `cpu_s` what it has used."""

    def __init__(self, folder: str) -> None:
        self.path = os.path.join(folder, "pool.sqlite")
        self._child = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "pilot.pool",
                "serve",
                "sqlite:" + self.path,
                "--create",
                "--listen",
                "127.0.0.1:0",
            ],
            cwd=ROOT,
            env=ENVIRON,
            stdout=subprocess.PIPE,
            universal_newlines=True,
        )
        assert self._child.stdout is not None
        self.url = self._child.stdout.readline().split(" at ")[1].split()[0]
        self.port = int(self.url.rpartition(":")[2])

    def cpu_s(self) -> float:
        """User and system seconds so far."""
        with open("/proc/%d/stat" % self._child.pid) as stream:
            fields = stream.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / PAGE_TICKS

    def __enter__(self) -> "Served":
        return self

    def __exit__(self, *how: object) -> None:
        self._child.terminate()
        self._child.wait()


class Clients:
    """Keep-alive clients on one thread, each asking again as soon as it is answered."""

    def __init__(self, port: int, count: int) -> None:
        self._poll, self._sockets = (
            select.epoll(),
            {},
        )  # type: Any, Dict[int, Tuple[int, socket.socket]]
        for number in range(count):
            plain = socket.create_connection(("127.0.0.1", port))
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._sockets[plain.fileno()] = (number, plain)
            self._poll.register(plain, select.EPOLLIN)

    def ask(self, number: int, path: str, body: bytes) -> None:
        """One POST of this client."""
        plain = list(self._sockets.values())[number][1]
        plain.send(post(path, body))

    def answers(self, seconds: float) -> Iterator[Tuple[int, socket.socket, bytes]]:
        """(client, its socket, the answer) as they come, for so long."""
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            for descriptor, _ in self._poll.poll(1):
                number, plain = self._sockets[descriptor]
                yield number, plain, plain.recv(1 << 20)

    def close(self) -> None:
        """Hang up."""
        for _, plain in self._sockets.values():
            plain.close()
        self._poll.close()


def post(path: str, body: bytes) -> bytes:
    """A request as bytes."""
    head = (
        "POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
        % (path, len(body))
    )
    return head.encode("ascii") + body


def told(tasks: int) -> List[Dict[str, Any]]:
    """So many tasks that do nothing."""
    return [{"id": "t%d" % number, "command": ["true"]} for number in range(tasks)]
