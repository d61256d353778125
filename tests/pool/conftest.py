"""Pools for tests: a file, or the same file behind a server that runs in a thread of the test."""

import asyncio
import threading

import pytest

from pilot.pool import open_pool, sqlite_file
from pilot.ops.server.door import Door, listen_on
from pilot.ops.server.server import Server
from pilot.ops.server.sqlite_store import SQLiteStore
from tests.pool.couch import Couch


class Clock:
    """The pool's clock, moved by hand."""

    def __init__(self, monkeypatch):
        self.now = 1000.0
        monkeypatch.setattr(sqlite_file, "monotonic_s", lambda: self.now)


@pytest.fixture
def clock(monkeypatch):
    return Clock(monkeypatch)


class Within:
    """A server in a thread; `url` is where it listens, `server` the thing itself, for looking
    at."""

    def __init__(self, path, keyring=None):
        self.loop, self._ready = asyncio.new_event_loop(), threading.Event()
        self._path, self._keyring = str(path), keyring
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        assert self._ready.wait(10)

    def _run(self):
        asyncio.set_event_loop(self.loop)
        pool = SQLiteStore(self._path, create=True)
        self.server = Server(self.loop, pool, self._path, self._keyring)
        door = Door(self.loop, self.server.services.connections, self.server.make_connection, None)
        for one in listen_on("127.0.0.1", 0, 100):
            door.add_listener(one)
        self.url = "http://127.0.0.1:%d" % door.read_address()[1]
        self.server.start()
        self._ready.set()
        self.loop.run_forever()
        door.close()
        self.server.stop()
        for _ in range(3):
            self.loop.run_until_complete(asyncio.sleep(0))
        for connection in list(self.server.services.connections.open):
            connection.end_late()
        self.loop.run_until_complete(asyncio.sleep(0.01))
        self.server.close()
        self.loop.close()

    def call(self, function):
        """Do it in the server's thread; returns what it gives."""
        done, found = threading.Event(), []
        self.loop.call_soon_threadsafe(lambda: (found.append(function()), done.set()))
        assert done.wait(10)
        return found[0]

    def close(self):
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(10)


@pytest.fixture
def within(tmp_path):
    one = Within(tmp_path / "served.sqlite")
    yield one
    one.close()


@pytest.fixture
def url(tmp_path):
    return "sqlite:%s/pool.sqlite" % tmp_path


@pytest.fixture
def pool(url):
    one = open_pool(url, create=True)
    yield one
    one.close()


@pytest.fixture
def couch():
    one = Couch()
    yield one
    one.close()


@pytest.fixture(params=["file", "server", "couch"])
def store(request, tmp_path):
    """A pool of each kind."""
    if request.param == "couch":
        if request.node.get_closest_marker("ordered"):
            pytest.skip("a database without transactions promises no order")
        if request.node.get_closest_marker("transactions"):
            pytest.skip("docs/picas.md: a token's claim is not confirmed, its lease is what counts")
        with open_pool(request.getfixturevalue("couch").url, create=True) as one:
            yield one
        return
    if request.param == "file":
        with open_pool("sqlite:%s/store.sqlite" % tmp_path, create=True) as one:
            yield one
        return
    server = Within(tmp_path / "served.sqlite")
    with open_pool(server.url) as one:
        yield one
    server.close()
