"""The one way to start a child: a list of arguments, an own session, a time limit, bounded memory.

A child's whole group ends with it. A grandchild that holds a pipe open, a stream that is closed
early, a flood on either stream or broken UTF-8 neither block nor lose what the child itself wrote.
"""

import io
import os
import selectors
import signal
import subprocess
import threading
import time
from typing import Any, Callable, Dict, NamedTuple, Optional, Sequence, Tuple

from pilot.base import prctl, process_tree
from pilot.base.shared_defaults import GRACE_S
from pilot.base.stream_tail import Tail
from pilot.errors import NodeUnfit, StepFailed, lacking
from pilot.base.interrupts import shielded

DEVNULL = subprocess.DEVNULL
LINGER_S = 0.2  # how long a dead child's pipes are still listened to while others hold them,
PIPE_BYTES = 1 << 20  # and at least so much of them is read: no pipe holds more that was its own
KEEP_BYTES = 1 << 20
MAX_SELECT_S = 3600.0  # what one select may wait: the kernel takes no month
NOT_FOUND = 127
CANNOT_RUN = 126


class Result(NamedTuple):
    """How a child ended. `exit_code` is -n when signal n killed it; both streams' last `keep`
    bytes."""

    argv: Tuple[str, ...]
    exit_code: int
    stdout: str
    stderr: str
    seconds: float
    timed_out: bool = False
    dropped_bytes: int = 0

    def last_lines(self, count: int = 3) -> str:
        """The last lines that say something, for a message."""
        lines = [
            line.strip() for line in (self.stdout + "\n" + self.stderr).splitlines() if line.strip()
        ]
        return " | ".join(lines[-count:])

    def describe_end(self) -> str:
        """One sentence: the program, how it ended, its last words."""
        if self.timed_out:
            how = "was ended after %.0f s without an end" % self.seconds
        elif self.exit_code < 0:
            how = "was killed by signal %d" % -self.exit_code
        else:
            how = "ended with %d" % self.exit_code
        words = self.last_lines()
        return "%s %s%s" % (os.path.basename(self.argv[0]), how, ": " + words if words else "")


class ProgramFailed(StepFailed):
    """A program ended with a code that was not expected, or was ended at its time limit."""

    def __init__(self, result: Result) -> None:
        super().__init__(result.describe_end())
        self.result = result


def spawn(argv: Sequence[str], **how: Any) -> "subprocess.Popen[bytes]":
    """Start a child in its own session, with nothing on stdin unless told; OSError when it cannot
    be.

    Arguments and environment (or one that is `encoded` already) are passed as UTF-8 whatever the
    locale: on 3.6 it may be ASCII.
    """
    how.setdefault("stdin", subprocess.DEVNULL)
    if how.get("env") is not None and not isinstance(next(iter(how["env"]), ""), bytes):
        how["env"] = encoded(how["env"])
    # raised within what Python itself calls around a fork, an exception would vanish
    with shielded():
        return subprocess.Popen([_bytes(word) for word in argv], start_new_session=True, **how)


def encoded(environ: Dict[str, str]) -> Dict[bytes, bytes]:
    """An environment as a program receives it, made ahead of time."""
    return {_bytes(name): _bytes(value) for name, value in environ.items()}


def dies_with_us() -> Optional[Callable[[], None]]:
    """What a child calls before it becomes the program, so that it does not outlive a killed pilot
    (Linux)."""
    return prctl.prepared(prctl.PDEATHSIG, int(signal.SIGKILL))


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def run(
    argv: Sequence[str],
    *,
    timeout_s: float,
    ok: Optional[Sequence[int]] = (0,),
    environ: Optional[Dict[str, str]] = None,
    cwd: Optional[str] = None,
    stdin: bytes = b"",
    keep: int = KEEP_BYTES,
    grace_s: float = GRACE_S,
    on_line: Optional[Callable[[str], None]] = None,
    on_error_line: Optional[Callable[[str], None]] = None,
    on_start: Optional[Callable[[int], None]] = None
) -> Result:
    """Run a program to its end, at most `timeout_s` seconds, and give back what it said.

    Raises ProgramFailed unless its code is in `ok` (None: any code will do), NodeUnfit where
    no program at all can be started. When the time is up, or an
    exception passes through (a signal, a command's limit), the group gets SIGTERM, `grace_s`
    seconds later SIGKILL, descendants in other sessions too. `on_start` is told the pid.
    """
    if isinstance(argv, str):
        raise TypeError("argv is a list of arguments; for shell text say ['bash', '-c', text]")
    began = time.monotonic()
    try:
        child = _Running(
            argv, environ, cwd, stdin, (Tail(keep, on_line), Tail(keep, on_error_line))
        )
    except OSError as error:
        result = _not_started(argv, error)
    else:
        result = child.run_to_end(began, timeout_s, grace_s, on_start)
    if ok is not None and (result.timed_out or result.exit_code not in ok):
        raise ProgramFailed(result)
    return result


def _not_started(argv: Sequence[str], error: OSError) -> Result:
    if lacking(error):
        raise NodeUnfit("%s cannot be started: %s" % (argv[0], lacking(error)))
    code = NOT_FOUND if isinstance(error, FileNotFoundError) else CANNOT_RUN
    return Result(tuple(argv), code, "", "cannot be started: %s" % error.strerror, 0.0)


class _Running:
    """A child, its pipes, and the end of both."""

    def __init__(self, argv: Sequence[str], environ: Optional[Dict[str, str]], cwd: Optional[str],
                 stdin: bytes, tails: Tuple[Tail, Tail]) -> None:
        self._argv, self._tails, self._stdin = tuple(argv), tails, stdin
        self.pid = 0
        try:
            with shielded():
                self._child = spawn(
                    argv,
                    stdin=subprocess.PIPE if stdin else subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    env=environ,
                    cwd=cwd,
                    preexec_fn=dies_with_us(),
                )
                self.pid = self._child.pid
                self._listen_pipes()
        except BaseException:  # a signal in this very moment: what was started must not stay
            if self.pid:
                process_tree.send_group(self.pid, signal.SIGKILL)
            raise

    def _listen_pipes(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._exit_read, self._exit_write = os.pipe()
        self._selector.register(self._exit_read, selectors.EVENT_READ, None)
        for stream, tail in zip((self._child.stdout, self._child.stderr), self._tails):
            assert stream is not None
            os.set_blocking(stream.fileno(), False)
            self._selector.register(stream, selectors.EVENT_READ, tail)
        if self._child.stdin is not None:
            os.set_blocking(self._child.stdin.fileno(), False)
            self._selector.register(self._child.stdin, selectors.EVENT_WRITE, self)
        self._waiter = threading.Thread(target=self._wait_child, daemon=True)
        self._waiter.start()

    def run_to_end(
        self,
        began: float,
        timeout_s: float,
        grace_s: float,
        on_start: Optional[Callable[[int], None]],
    ) -> Result:
        """Wait for the child, at most until its time limit; end its process tree."""
        timed_out = False
        try:
            if on_start is not None:
                on_start(self.pid)
            timed_out = not self._until_exit(began + timeout_s)
        finally:
            try:
                self._end_child(grace_s)
            finally:
                self._close_pipes()
        code = self._child.returncode if self._child.returncode is not None else -signal.SIGKILL
        out, err = (tail.read_text() for tail in self._tails)
        dropped = sum(tail.dropped for tail in self._tails)
        return Result(self._argv, code, out, err, time.monotonic() - began, timed_out, dropped)

    def _wait_child(self) -> None:
        self._child.wait()
        try:
            os.write(self._exit_write, b"x")
        except OSError:  # nobody waits any more: it died at last, long after it was given up
            os.close(self._exit_write)

    def _until_exit(self, deadline: float) -> bool:
        """Serve the pipes until the child has ended (True) or the deadline (False)."""
        while True:
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            for key, _ in self._selector.select(min(left, MAX_SELECT_S)):
                if key.data is None:
                    return True
                with shielded():  # a line that was read is told, whatever comes
                    self._serve_pipe(key)

    def _serve_pipe(self, key: selectors.SelectorKey) -> int:
        """Returns how many bytes went through."""
        try:
            if key.data is self:
                moved = os.write(key.fd, self._stdin[:65536])
                self._stdin = self._stdin[moved:]
                done = not self._stdin
            else:
                data = os.read(key.fd, 65536)
                moved, done = len(data), not data
                key.data.feed(data)
        except BlockingIOError:
            return 0
        except OSError:
            moved, done = 0, True
        if done:
            self._selector.unregister(key.fileobj)
            _close(key.fileobj)
        return moved

    def _end_child(self, grace_s: float) -> None:
        """Nothing of the child stays: what it started dies with it; what it said is read to the
        end."""
        alive = self._child.returncode is None
        tree = process_tree.descendants(self.pid) if alive else []
        if alive:
            process_tree.send_group(self.pid, signal.SIGTERM)
            if not self._until_exit(time.monotonic() + grace_s):
                tree += process_tree.descendants(self.pid)
        self._drain_pipes(time.monotonic() + LINGER_S)
        process_tree.send_group(self.pid, signal.SIGKILL)
        process_tree.send(tree, signal.SIGKILL)
        self._waiter.join(GRACE_S)  # a child in D state stays; we do not
        self._drain_pipes(time.monotonic() + LINGER_S)
        for tail in self._tails:
            tail.close()

    def _drain_pipes(self, deadline: float) -> None:
        moved = 0
        while time.monotonic() < deadline or moved < 2 * PIPE_BYTES:
            ready = [key for key, _ in self._selector.select(0) if isinstance(key.data, Tail)]
            if not ready:
                return
            for key in ready:
                with shielded():
                    moved += self._serve_pipe(key)

    def _close_pipes(self) -> None:
        for key in list(self._selector.get_map().values()):
            _close(key.fileobj)
        self._selector.close()
        os.close(self._exit_read)
        if not self._waiter.is_alive():
            os.close(self._exit_write)


def _close(pipe: object) -> None:
    if isinstance(pipe, io.IOBase):
        pipe.close()
