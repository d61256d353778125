"""A payload's own folder: work, tmp, stdout, stderr; what it holds at the end, and its removal."""

import os
import re
import shlex
import shutil
from typing import Any, Dict, List, NamedTuple, Tuple

TAIL_BYTES = 4096


class Sandbox(NamedTuple):
    """The folder of one attempt at a task."""

    home: str

    @property
    def work(self) -> str:
        """Where the payload starts, inputs lie and outputs are looked for."""
        return self.home + "/work"

    @property
    def stdout(self) -> str:
        """The file of its standard output."""
        return self.home + "/stdout"

    @property
    def stderr(self) -> str:
        """The file of its standard error."""
        return self.home + "/stderr"

    def make(self) -> None:
        """Make the folders; OSError when that cannot be."""
        for folder in (self.home, self.work, self.home + "/tmp"):
            os.mkdir(folder)

    def remove(self) -> None:
        """Take it all away; the few things most payloads leave are removed without a walk."""
        try:
            for file in (self.stdout, self.stderr):
                os.unlink(file)
            for folder in (self.work, self.home + "/tmp", self.home):
                os.rmdir(folder)
        except OSError:
            shutil.rmtree(self.home, ignore_errors=True)

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


def interpreter_of(script: str) -> List[str]:
    """The words of the #! line, so that a folder mounted noexec does not matter; sh without one."""
    first = script.split("\n", 1)[0].strip()
    return shlex.split(first[2:]) if first.startswith("#!") and len(first) > 2 else ["sh"]


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
