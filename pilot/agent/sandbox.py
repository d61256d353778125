"""A payload's own folder, and the agent's files about it.

An isolated payload may write only to `work` and `tmp`; the agent's own files (streams, script) are
beside them. The agent creates each stream as a new file, opens it once, and reads it by its
descriptor: it never opens a file that a payload puts under that name. Without isolation the agent
reuses folders that are as empty as new ones, because making and removing three folders takes longer
than starting a program.
"""

import os
import re
import stat
import tempfile
from typing import Any, Dict, List, Optional, Sequence, Tuple

from pilot.agent.removal import remove_tree

TAIL_BYTES = 4096
_MODE = 0o755
_NEW = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_APPEND | os.O_CLOEXEC


class Sandbox:
    """The folder of one attempt at a task: `work` is where the payload starts, `tmp` its TMPDIR."""

    def __init__(self, home: str, owner: Optional[Tuple[int, int]] = None) -> None:
        self._owner = owner
        self.home, self.work, self.tmp = home, home + "/work", home + "/tmp"
        self.stdout, self.stderr, self.script = home + "/stdout", home + "/stderr", home + "/script"
        self._out = self._err = -1
        for folder in (self.home, self.work, self.tmp):
            os.mkdir(folder)
            os.chmod(folder, _MODE)
            if owner and folder != self.home:
                os.chown(folder, *owner)
        self._made = _file_identity(os.lstat(self.work))

    def open_streams(self) -> None:
        """Create new stdout and stderr files. OSError when that fails."""
        self.close()
        self._out = _new_file(self.stdout)
        self._err = _new_file(self.stderr)

    def streams(self) -> List[int]:
        """Copies of the two descriptors, for a child."""
        return [os.dup(self._out), os.dup(self._err)]

    def tails(self) -> Dict[str, str]:
        """The last bytes of both streams, as text."""
        return {"stdout": read_tail(self._out), "stderr": read_tail(self._err)}

    def output_size(self) -> int:
        """The size of both streams together, in bytes."""
        return sum(
            os.fstat(descriptor).st_size for descriptor in (self._out, self._err) if descriptor >= 0
        )

    def argv(self, spec: Dict[str, Any]) -> List[str]:
        """The program to start; a script is written to a file, and the interpreter of its #! line,
        or sh, runs it."""
        if "command" in spec:
            return list(spec["command"])
        with open(_new_file(self.script, 0o700), "w", encoding="utf-8", newline="") as stream:
            stream.write(spec["script"])
            if self._owner:
                os.fchown(stream.fileno(), *self._owner)
        return interpreter_of(spec["script"]) + [self.script]

    def is_as_new(self) -> bool:
        """Whether the folder holds only what every new folder holds, with the usual modes."""
        try:
            if (
                os.listdir(self.work)
                or os.listdir(self.tmp)
                or set(os.listdir(self.home)) - {"work", "tmp", "stdout", "stderr", "script"}
            ):
                return False
            folders = [os.lstat(folder) for folder in (self.work, self.tmp)]
            return _file_identity(folders[0]) == self._made and all(
                status.st_mode == stat.S_IFDIR | _MODE for status in folders
            )
        except OSError:
            return False

    def close(self) -> None:
        """Close the descriptors."""
        for descriptor in (self._out, self._err):
            if descriptor >= 0:
                os.close(descriptor)
        self._out = self._err = -1


def _file_identity(status: os.stat_result) -> Tuple[int, int]:
    return status.st_dev, status.st_ino


def _new_file(path: str, mode: int = 0o644) -> int:
    """Create a new file and remove an entry that has its name; links are not followed, pipes not
    opened."""
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass
    except OSError:  # the entry is a folder
        remove_tree(path)
    return os.open(path, _NEW, mode)


class Sandboxes:
    """The sandboxes of an agent, below `folder`; with `reuse` one may serve several payloads, which
    run with these ids (empty: the agent's own)."""

    def __init__(self, folder: str, reuse: bool = True, ids: Sequence[int] = ()) -> None:
        self._folder, self._reuse, self._made = folder, reuse, 0
        self._owner = (ids[0], ids[1]) if ids else None
        self._free: List[Sandbox] = []
        os.makedirs(folder, exist_ok=True)

    def take(self) -> Sandbox:
        """Take or make an empty sandbox; OSError when it cannot be made."""
        if self._free:
            return self._free.pop()
        while True:
            self._made += 1
            try:
                return Sandbox(os.path.join(self._folder, "slot-%d" % self._made), self._owner)
            except FileExistsError:  # left by an earlier run of the same pilot id
                remove_tree(os.path.join(self._folder, "slot-%d" % self._made))

    def give_back(self, box: Sandbox, keep_as: Optional[str] = None) -> Optional[str]:
        """Finish with a sandbox: store it under this name (returns its new path), reuse it when it
        is clean, or remove it."""
        box.close()
        if keep_as is not None:
            kept = os.path.join(self._folder, keep_as)
            try:
                os.rename(box.home, kept)
                return kept
            except OSError:
                pass
        if self._reuse and box.is_as_new():
            self._free.append(box)
        else:
            remove_tree(box.home)
        return None


def passing_file(folder: str, text: str = "") -> int:
    """The descriptor of an unnamed file in this file system, for input to a child or output from
    it."""
    with tempfile.TemporaryFile(dir=folder) as stream:
        stream.write(text.encode("utf-8"))
        stream.flush()
        stream.seek(0)
        return os.dup(stream.fileno())


def interpreter_of(script: str) -> List[str]:
    """The words of the #! line, so that a script runs on a file system mounted noexec; sh without
    such a line."""
    first = script.split("\n", 1)[0].strip()
    # like the kernel: at most one argument
    words = first[2:].strip().split(None, 1) if first.startswith("#!") else []
    return words or ["sh"]


def folder_name(task: str, generation: int) -> str:
    """A file name for an attempt; ids may contain characters that file names may not."""
    return "%s.%d" % (re.sub(r"[^A-Za-z0-9._+=-]", "_", task)[:120], generation)


def read_tail(descriptor: int, count: int = TAIL_BYTES) -> str:
    """The last bytes of an open file as text; "" when there is none."""
    if descriptor < 0:
        return ""
    size = os.fstat(descriptor).st_size
    return (
        os.pread(descriptor, count, max(0, size - count)).decode("utf-8", "replace") if size else ""
    )


def size_mb(folder: str) -> float:
    """The size of a folder's files in MB: on disk, or by length where that is larger (a sparse file
    grows when it is copied). Links are not followed; files that vanish do not count."""
    total, queue = 0, [folder]
    while queue:
        try:
            with os.scandir(queue.pop()) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        queue.append(entry.path)
                    elif entry.is_file(follow_symlinks=False):
                        status = entry.stat(follow_symlinks=False)
                        total += max(status.st_blocks * 512, status.st_size)
        except OSError:
            continue
    return total / 1048576.0
