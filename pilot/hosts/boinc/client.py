"""The connection of a native application to the BOINC client, by shared memory."""

import os
import time
from typing import Optional

from pilot.base import process_tree
from pilot.hosts.boinc import channels, slot
from pilot.node.batch import boinc

# the client counts as gone without a heartbeat for this long (HEARTBEAT_GIVEUP of the API library)
BEAT_S = 30.0
STATUS = (
    "<current_cpu_time>%e</current_cpu_time>\n"
    "<checkpoint_cpu_time>%e</checkpoint_cpu_time>\n"
    "<fraction_done>%e</fraction_done>\n"
)


class NativeClient:
    """The client that started this process in its slot. `lock` is the open lock file of the
    slot."""

    def __init__(self, memory: channels.Channels, lock: int, pid: int) -> None:
        self._memory, self._lock, self._pid = memory, lock, pid
        self._last_beat = time.monotonic()
        self._checkpoint_cpu_s = 0.0

    def receive_control(self) -> str:
        """The next request of the client, or an empty string. Also records the client's
        heartbeat."""
        control = self._memory.receive(channels.CONTROL)
        if self._memory.receive(channels.HEARTBEAT):
            self._last_beat = time.monotonic()
        return control

    def is_gone(self) -> bool:
        """Whether the client has exited or sends no heartbeats any more."""
        return time.monotonic() - self._last_beat > BEAT_S or (
            self._pid > 0 and not os.path.exists("/proc/%d" % self._pid)
        )

    def send_progress(self, fraction: float, checkpoint: bool) -> None:
        """Report CPU seconds and the fraction done. `checkpoint` means that tasks ended since the
        last report."""
        tree = process_tree.descendants(os.getpid())
        cpu_s = sum(os.times()[:4]) + sum(process.cpu_s for process in tree)
        if checkpoint:
            self._checkpoint_cpu_s = cpu_s
        self._memory.send(channels.STATUS, STATUS % (cpu_s, self._checkpoint_cpu_s, fraction))


def connect_client(folder: str) -> Optional[NativeClient]:
    """The client of this slot; None outside a slot, or if a wrapper is connected to the client."""
    lock = slot.take_lock(folder) if boinc.is_slot(folder) else None
    if lock is None:
        return None
    memory = channels.open_channels(os.path.join(folder, slot.MEMORY))
    if memory is None:
        return None
    pid = boinc.slot_value(folder, "client_pid")
    return NativeClient(memory, lock, int(pid) if pid.isdigit() else 0)
