"""The objects that the request handlers use."""

from typing import NamedTuple, Optional

from pilot.ops.server.commit_queue import CommitQueue
from pilot.ops.server.connections import Connections
from pilot.ops.server.reader import Reader
from pilot.ops.server.store import Store
from pilot.ops.server.story import Story
from pilot.ops.server.tokens import Keyring


class Services(NamedTuple):
    """The parts of a server. Only the thread of the event loop may use `pool`."""

    pool: Store
    story: Story
    reader: Reader
    commit_queue: CommitQueue
    connections: Connections
    keyring: Optional[Keyring]  # None: every client that can reach the server has all rights
    started: float  # monotonic clock
