"""A control group per payload, where version 2 is delegated to the pilot: the kernel limits the
memory and kills every process of a payload at its end. Elsewhere every method does nothing."""

import os
import re
from typing import Dict, List, Optional

from pilot.node import cgroup


class Confinement:
    """Creates groups below `parent`; None: the node has no delegated group."""

    def __init__(self, parent: Optional[str]) -> None:
        self._parent = parent
        self._groups: Dict[str, str] = {}
        self._slot_kills = slot_oom_kills()

    def enter(self, mark: str, pid: int, memory_mb: Optional[float]) -> None:
        """Put a payload into its own group."""
        if self._parent is None:
            return
        group = os.path.join(self._parent, "pilot-" + re.sub(r"[^A-Za-z0-9._-]", "_", mark))
        try:
            os.mkdir(group)
            if memory_mb is not None:
                _write_file(group, "memory.max", "%d" % (memory_mb * 1048576))
            _write_file(group, "cgroup.procs", "%d" % pid)
        # the payload has exited, or the delegation does not work: the agent still samples its
        # memory
        except OSError:
            _remove_group(group)
            return
        self._groups[mark] = group

    def kill(self, mark: str) -> None:
        """Send SIGKILL to every process in the payload's group."""
        group = self._groups.get(mark)
        if group is not None:
            try:
                _write_file(group, "cgroup.kill", "1")
            except OSError:
                pass

    def leave(self, mark: str) -> bool:
        """End and remove the group; True when the kernel killed a process in it because memory was
        used up."""
        group = self._groups.get(mark)
        if group is None:
            return False
        self.kill(mark)
        del self._groups[mark]
        killed = oom_kills(_read_file(group, "memory.events")) > 0
        _remove_group(group)
        return killed

    def slot_ran_out_of_memory(self) -> bool:
        """Whether the kernel has killed a process in the agent's own group, because memory was used
        up, since the last call."""
        before, self._slot_kills = self._slot_kills, slot_oom_kills()
        return self._slot_kills > before


def slot_oom_kills() -> int:
    """How many processes of the agent's own group the kernel has killed because memory was used up,
    v2 or v1."""
    directories = cgroup.own_directories()
    texts = [cgroup.read(folder, "memory.events") for folder in directories.get(cgroup.V2, [])[:1]]
    texts += [cgroup.read(folder, "memory.oom_control") for folder in directories.get("memory", [])[:1]]
    return sum(oom_kills(text) for text in texts)


def delegated_parent() -> Optional[str]:
    """The group in which this agent may create groups, or None."""
    return delegated_group(cgroup.own_directories())


def delegated_group(directories: Dict[str, List[str]]) -> Optional[str]:
    """The agent's own v2 directory if it may create groups below it that limit memory, else
    None."""
    own = directories.get(cgroup.V2, [])
    if not own or "memory" not in cgroup.read(own[0], "cgroup.controllers").split():
        return None
    handed_down = "memory" in cgroup.read(own[0], "cgroup.subtree_control").split()
    return own[0] if handed_down and os.access(own[0], os.W_OK) else None


def oom_kills(events: str) -> int:
    """Read oom_kill of memory.events (cgroup-v2, Documentation/admin-guide)."""
    fields = dict(line.split() for line in events.splitlines() if len(line.split()) == 2)
    return int(fields.get("oom_kill", "0"))


def _read_file(group: str, name: str) -> str:
    try:
        with open(os.path.join(group, name)) as stream:
            return stream.read()
    except OSError:
        return ""


def _write_file(group: str, name: str, text: str) -> None:
    with open(os.path.join(group, name), "w") as stream:
        stream.write(text)


def _remove_group(group: str) -> None:
    try:
        os.rmdir(group)
    except OSError:
        pass
