"""The shared memory between the BOINC client and an application: eight channels of 1,024 bytes;
byte 0 of each is 1 if the channel holds a message."""

import mmap
import os
from typing import Optional

SIZE = 1024
CONTROL, HEARTBEAT, STATUS = 0, 4, 5  # process_control_request, heartbeat, app_status


class Channels:
    """Opens boinc_mmap_file. Raises OSError or ValueError if the file is not valid."""

    def __init__(self, path: str) -> None:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        try:
            self._memory = mmap.mmap(descriptor, 8 * SIZE)
        finally:
            os.close(descriptor)

    def receive(self, channel: int) -> str:
        """The pending message of a channel, or an empty string."""
        at = channel * SIZE
        if not self._memory[at]:
            return ""
        text = self._memory[at + 1:at + SIZE].split(b"\0", 1)[0].decode("utf-8", "replace")
        self._memory[at:at + 1] = b"\0"
        return text.strip()

    def send(self, channel: int, text: str) -> bool:
        """Write a message; return False if the client has not read the previous one yet."""
        at = channel * SIZE
        if self._memory[at]:
            return False
        body = text.encode("utf-8")[:SIZE - 2] + b"\0"
        self._memory[at + 1:at + 1 + len(body)] = body
        self._memory[at:at + 1] = b"\1"
        return True

    def close(self) -> None:
        """Unmap the file."""
        self._memory.close()


def open_channels(path: str) -> Optional[Channels]:
    """The channels in this file; None if it is not a file of the client."""
    try:
        return Channels(path)
    except (OSError, ValueError):
        return None
