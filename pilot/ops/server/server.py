"""Combines the parts of a server."""

import asyncio
import time
from typing import Optional

from pilot.ops.server.commit_queue import CommitQueue
from pilot.ops.server.connection import Connection
from pilot.ops.server.connections import MAX_CONNECTIONS, Connections
from pilot.ops.server.dispatcher import Dispatcher
from pilot.ops.server.reader import Reader
from pilot.ops.server.services import Services
from pilot.ops.server.store import Store
from pilot.ops.server.story import PILOT_BYTES, Story
from pilot.ops.server.story_file import path_of
from pilot.ops.server.tokens import Keyring
from pilot.ops.server.upkeep import Retention, Upkeep


class Server:
    """Serves one pool and the stories of its pilots."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        pool: Store,
        path: str,
        keyring: Optional[Keyring],
        retention: Retention = Retention(),
        max_connections: int = MAX_CONNECTIONS,
    ) -> None:
        story = Story(path_of(path), int(min(PILOT_BYTES, retention.megabytes * (1 << 20) / 20)))
        self._loop = loop
        self.services = Services(
            pool,
            story,
            Reader(path, path_of(path)),
            CommitQueue(loop, pool, story),
            Connections(max_connections),
            keyring,
            time.monotonic(),
        )
        self.dispatcher = Dispatcher(loop, self.services)
        self.upkeep = Upkeep(loop, self.services, retention)

    def make_connection(self) -> Connection:
        """asyncio calls this to create the protocol of a connection."""
        return Connection(self.services.connections, self.dispatcher, self._loop)

    def start(self) -> None:
        """Start the periodic work of the server."""
        self.upkeep.start()

    def stop(self) -> None:
        """Accept no more requests, and finish the requests that the server has accepted."""
        self.upkeep.stop()
        self.services.commit_queue.drain()
        self.services.connections.close()

    def close(self) -> None:
        """Close all files."""
        self.dispatcher.close()
        self.services.reader.close()
        self.services.story.close()
        self.services.pool.close()
