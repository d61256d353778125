"""Events that wait to be sent: in memory, and in a file when memory is full. The order is kept and
the size is limited. For one thread."""

import io
import json
import os
from collections import deque
from typing import Deque, List, Optional

from pilot.events.event import LOG, Event

MEMORY_BYTES = 2 << 20
DISK_BYTES = 64 << 20
BATCH_BYTES = 1 << 19
BATCH_EVENTS = 500


class Outbox:
    """`put_event` adds an event, `peek_batch` returns the oldest ones, `drop_sent` removes them.
    `lost` counts the events that did not fit; log lines are dropped first."""

    def __init__(
        self, path: str, memory_bytes: int = MEMORY_BYTES, disk_bytes: int = DISK_BYTES
    ) -> None:
        self.lost = 0
        self._path, self._most_memory, self._most_disk = path, memory_bytes, disk_bytes
        self._memory: Deque[bytes] = deque()
        self._size = 0
        self._sizes: List[int] = []  # of the lines that the last `peek_batch` returned
        self._file: Optional[io.FileIO] = None
        # offsets in the file: the events between read_at and write_at wait
        self._read_at = self._write_at = self._count = 0

    def __len__(self) -> int:
        return len(self._memory) + self._count

    def put_event(self, event: Event) -> None:
        """Add the newest event."""
        line = json.dumps(event).encode("ascii") + b"\n"
        if not self._count and self._size + len(line) <= self._most_memory:
            self._memory.append(line)
            self._size += len(line)
        elif not self._spill_line(line, event):
            self.lost += 1

    def _spill_line(self, line: bytes, event: Event) -> bool:
        if len(line) > self._most_disk - self._write_at:
            self._compact_file()
        room = self._most_disk - self._write_at
        if len(line) > BATCH_BYTES or len(line) > (
            room - self._most_disk // 8 if event["event"] == LOG else room
        ):
            return False
        try:
            if self._file is None:
                flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
                self._file = open(os.open(self._path, flags, 0o600), "r+b", buffering=0)
                os.unlink(self._path)  # nobody else can open it; the kernel frees it when we exit
            self._file.seek(self._write_at)
            if self._file.write(line) != len(line):  # the disk became full during the write
                self._file.truncate(self._write_at)
                return False
        except OSError:
            return False
        self._write_at += len(line)
        self._count += 1
        return True

    def _compact_file(self) -> None:
        """Free the space of the events that were read, if it is at least as large as that of the
        others: on average each byte is moved once."""
        if self._file is None or self._read_at < self._write_at - self._read_at:
            return
        source, target = self._read_at, 0
        try:
            while source < self._write_at:
                self._file.seek(source)
                data = self._file.read(min(BATCH_BYTES, self._write_at - source))
                self._file.seek(target)
                self._file.write(data)
                source, target = source + len(data), target + len(data)
            self._file.truncate(target)
        except OSError:
            return
        self._read_at, self._write_at = 0, target

    def peek_batch(self, most: int = BATCH_EVENTS) -> List[Event]:
        """The oldest events, as many as fit into one message."""
        self._sizes, size = [], 0
        lines: List[bytes] = []
        for line in self._memory or self._read_stored():
            size += len(line)
            if lines and (size > BATCH_BYTES or len(lines) >= most):
                break
            lines.append(line)
        self._sizes = [len(line) for line in lines]
        return [json.loads(line.decode("ascii")) for line in lines]

    def _read_stored(self) -> List[bytes]:
        if self._file is None or not self._count:
            return []
        self._file.seek(self._read_at)
        records: List[bytes] = self._file.read(
            min(self._write_at - self._read_at, 2 * BATCH_BYTES)
        ).splitlines(True)
        return [line for line in records if line.endswith(b"\n")]

    def drop_sent(self, count: int) -> None:
        """Remove the first `count` events that `peek_batch` returned: they arrived, or never
        will."""
        for size in self._sizes[:count]:
            if self._memory:
                self._size -= len(self._memory.popleft())
            else:
                self._read_at, self._count = self._read_at + size, self._count - 1
        self._sizes = []
        if self._file is not None and not self._count:
            self._file.truncate(0)
            self._read_at = self._write_at = 0

    def close(self) -> None:
        """Close the file; the outbox cannot be used after that."""
        if self._file is not None:
            self._file.close()
