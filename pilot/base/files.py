"""Files that are there whole or not at all."""

import os


def write_whole(path: str, data: bytes, mode: int = 0o600) -> None:
    """Write a file by rename: nobody ever reads half of it, and a link in its place is replaced,
    not followed.

    Its mode is `mode`, less what the umask takes. Raises OSError; then what was there before is
    there still.
    """
    # a signal may have us write while we write
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
    except BaseException:  # a signal's, too
        try:
            os.unlink(partial)
        except OSError:  # it was never made
            pass
        raise
