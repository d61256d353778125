"""The files of a BOINC slot, as the client (7.20) and its API library read and write them."""

import fcntl
import os
import re
from typing import NamedTuple, Optional

from pilot.base.files import write_file

LOCK, MEMORY = "boinc_lockfile", "boinc_mmap_file"
FINISHED, LATER = "boinc_finish_called", "boinc_temporary_exit"
MAX_DELAY_S = 86400
# BOINC's own exit codes (lib/error_numbers.h)
ABORTED, INIT_FAILURE, SUB_TASK_FAILURE = 194, 206, 208
AGAIN_S = 900


class SlotEnding(NamedTuple):
    """What the pilot reports to BOINC: the task is finished with this status, or BOINC must start
    it again after `again_s` seconds, or neither."""

    status: int
    again_s: int = 0
    finished: bool = True
    reason: str = ""


def choose_ending(
    code: int, tasks: int, asked_for_work: bool, aborted: bool, reason: str
) -> SlotEnding:
    """The report for a pilot's exit code. Without work, or with a pool that does not answer, there
    is no result: BOINC postpones the task."""
    if code > 128:
        return SlotEnding(ABORTED if aborted else 0, finished=False, reason=reason)
    if code == 0 and asked_for_work and not tasks:
        return SlotEnding(0, AGAIN_S, False, "no work in the task queue")
    if code == 50:
        return SlotEnding(0, AGAIN_S, False, reason or "the task queue cannot be reached")
    if code in (0, 60):
        return SlotEnding(0, reason=reason)
    return SlotEnding(INIT_FAILURE if code in (2, 10, 20, 30) else SUB_TASK_FAILURE, reason=reason)


def take_lock(folder: str) -> Optional[int]:
    """Take the lock of the slot's main program; return a descriptor to keep open. None if another
    process (the wrapper) has the lock, or without shared memory."""
    if not os.path.exists(os.path.join(folder, MEMORY)):
        return None
    descriptor = os.open(os.path.join(folder, LOCK), os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o660)
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return descriptor
    except OSError:
        os.close(descriptor)
        return None


def resolve_link(path: str) -> str:
    """The file that a soft link of the client points to (the link is a text in a file of the slot),
    else the path itself."""
    try:
        with open(path, encoding="utf-8", errors="replace") as stream:
            match = re.search("<soft_link>([^<]+)</soft_link>", stream.read(2000))
    except OSError:
        return path
    return os.path.join(os.path.dirname(path), match.group(1).strip()) if match else path


def leave_file(path: str, text: str) -> Optional[str]:
    """Write a file and rename it, so that a reader never sees a part of it. Return the reason if
    this fails, else None."""
    try:
        write_file(path, text.encode("utf-8"), 0o666)
    except OSError as error:
        return "%s could not be written: %s" % (path, error.strerror)
    return None


def one_line(text: str) -> str:
    """The reason as one line of at most 250 characters, never empty, as BOINC's files require."""
    return " ".join(text.split())[:250] or "no reason was given"


def report_ending(folder: str, end: SlotEnding) -> Optional[str]:
    """Write boinc_finish_called or boinc_temporary_exit, whose reason must not be empty. Return the
    reason if this fails, else None."""
    if end.again_s:
        return leave_file(
            os.path.join(folder, LATER),
            "%d\n%s\n" % (min(end.again_s, MAX_DELAY_S), one_line(end.reason)),
        )
    return leave_file(os.path.join(folder, FINISHED), "%d\n" % end.status) if end.finished else None
