"""The files that ended submissions keep: the head and the tail of the pilots' long outputs, and so many
megabytes in all. The sandboxes of failed payloads stay as they are. What tasks brought out is their
owner's, and is neither cut, counted nor removed."""

import contextlib
import os
import stat
from typing import Iterator, Tuple

from pilot.base.files import write_file
from pilot.ops.factory.backends.backend import TOKEN
from pilot.ops.factory.submission import RESULTS, SCRIPT

KEEP_BYTES = 1 << 20  # of one file
_WHOLE = (SCRIPT, TOKEN)  # and a report, which is JSON


def cut_outputs(folder: str) -> float:
    """Cut the long files of a submission that has ended; returns the megabytes that it keeps."""
    total = 0
    for path, size in _list_files(folder):
        if size > KEEP_BYTES and _is_output(folder, path):
            with contextlib.suppress(OSError):  # a full disk: it stays as it is
                _cut_file(path, size)
                size = os.stat(path).st_size
        total += size
    return total / 1048576.0


def _is_output(folder: str, path: str) -> bool:
    """Whether a pilot or its batch system wrote this file as a text that may be cut."""
    at, name = os.path.split(os.path.relpath(path, folder))
    near = not at or at.startswith("job-") and os.sep not in at
    return near and name not in _WHOLE and not name.endswith(".json")


def _list_files(folder: str) -> Iterator[Tuple[str, int]]:
    """Paths and sizes of the regular files, without those that tasks brought out."""
    for at, folders, names in os.walk(folder):
        if RESULTS in folders:
            folders.remove(RESULTS)
        for name in names:
            path = os.path.join(at, name)
            with contextlib.suppress(OSError):
                info = os.lstat(path)
                if stat.S_ISREG(info.st_mode):
                    yield path, info.st_size


def _cut_file(path: str, size: int) -> None:
    half = KEEP_BYTES // 2
    with open(path, "rb") as stream:
        head = stream.read(half)
        stream.seek(size - half)
        tail = stream.read(half)
    gap = "\n... %d bytes are left out here ...\n" % (size - len(head) - len(tail))
    write_file(path, head + gap.encode() + tail)
