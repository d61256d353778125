"""Atomic writes: a reader sees the old content or the new, never a part of it."""

import os


def write_file(path: str, data: bytes, mode: int = 0o600) -> None:
    """Write a temporary file and rename it. A link at `path` is replaced, not followed.

    The umask reduces `mode`. If writing fails, raises OSError and keeps the old file.
    """
    # a random name: a signal handler may write the same file at the same time
    partial = "%s.part-%d-%s" % (path, os.getpid(), os.urandom(3).hex())
    try:
        with open(
            os.open(
                partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode
            ),
            "wb",
        ) as stream:
            stream.write(data)
        os.replace(partial, path)
    except BaseException:  # also one that a signal handler raises
        try:
            os.unlink(partial)
        except OSError:  # os.open failed: there is no file
            pass
        raise
