"""A payload's own folder: work, tmp, stdout, stderr; what it holds at the end, and where it goes then.

Folders are reused: a payload gets one that is new or was found as empty as a new one, because making and
removing three folders takes longer than starting a program.
"""

import os
import re
import shutil
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

TAIL_BYTES = 4096
_MODE = 0o755


class Sandbox(NamedTuple):
    """The folder of one attempt at a task."""

    home: str

    @property
    def work(self) -> str:
        """Where the payload starts, inputs lie and outputs are looked for."""
        return self.home + "/work"

    @property
    def tmp(self) -> str:
        """Its TMPDIR."""
        return self.home + "/tmp"

    @property
    def stdout(self) -> str:
        """The file of its standard output."""
        return self.home + "/stdout"

    @property
    def stderr(self) -> str:
        """The file of its standard error."""
        return self.home + "/stderr"

    def open_streams(self) -> Tuple[int, int]:
        """Descriptors of fresh stdout and stderr files."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC
        out = os.open(self.stdout, flags, 0o644)
        try:
            return out, os.open(self.stderr, flags, 0o644)
        except OSError:
            os.close(out)
            raise

    def argv(self, spec: Dict[str, Any]) -> List[str]:
        """The program to start; a script is stored and given to the interpreter of its #! line, or sh."""
        if "command" in spec:
            return list(spec["command"])
        path = self.home + "/script"
        with open(path, "w", encoding="utf-8", newline="") as stream:
            stream.write(spec["script"])
        os.chmod(path, 0o700)
        return interpreter_of(spec["script"]) + [path]


class Sandboxes:
    """The sandboxes of an agent, below `folder`."""

    def __init__(self, folder: str) -> None:
        self._folder, self._made = folder, 0
        self._free: List[Sandbox] = []
        os.makedirs(folder, exist_ok=True)

    def take(self) -> Sandbox:
        """An empty one; OSError when it cannot be made."""
        if self._free:
            return self._free.pop()
        self._made += 1
        box = Sandbox(os.path.join(self._folder, "slot-%d" % self._made))
        for folder in (box.home, box.work, box.tmp):
            os.mkdir(folder)
            os.chmod(folder, _MODE)
        return box

    def give_back(self, box: Sandbox, keep_as: Optional[str] = None) -> Optional[str]:
        """Done with: keep it under this name (returns its new path), reuse it when it is clean, else remove it."""
        if keep_as is not None:
            kept = os.path.join(self._folder, keep_as)
            try:
                os.rename(box.home, kept)
                return kept
            except OSError:
                pass
        if _clean(box):
            self._free.append(box)
        else:
            shutil.rmtree(box.home, ignore_errors=True)
        return None


def _clean(box: Sandbox) -> bool:
    """Whether only what every payload has is there, with its usual modes."""
    try:
        if os.listdir(box.work) or os.listdir(box.tmp) or len(os.listdir(box.home)) > 4:
            return False
        return all(os.stat(folder).st_mode & 0o7777 == _MODE for folder in (box.work, box.tmp))
    except OSError:
        return False


def interpreter_of(script: str) -> List[str]:
    """The words of the #! line, so that a folder mounted noexec does not matter; sh without one."""
    first = script.split("\n", 1)[0].strip()
    words = first[2:].strip().split(None, 1) if first.startswith("#!") else []  # as the kernel: at most one argument
    return words or ["sh"]


def folder_name(task: str, generation: int) -> str:
    """A file name for an attempt: ids are free text within limits, names are not."""
    return "%s.%d" % (re.sub(r"[^A-Za-z0-9._+=-]", "_", task)[:120], generation)


def tail(path: str, count: int = TAIL_BYTES) -> str:
    """The last bytes of a file as text; "" when there is none."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return ""
    try:
        size = os.fstat(descriptor).st_size
        return os.pread(descriptor, count, max(0, size - count)).decode("utf-8", "replace") if size else ""
    finally:
        os.close(descriptor)


def size_mb(folder: str) -> float:
    """What a folder's files take on disk, in MB; links are not followed, vanishing files do not count."""
    total, queue = 0, [folder]
    while queue:
        try:
            with os.scandir(queue.pop()) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        queue.append(entry.path)
                    else:
                        total += entry.stat(follow_symlinks=False).st_blocks * 512
        except OSError:
            continue
    return total / 1048576.0
