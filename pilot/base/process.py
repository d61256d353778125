"""Starts child processes; the rest of the pilot uses this module to do so. A child has a list of
arguments, its own session, a time limit and a limit on the output kept in memory.

When a child exits, its process group is killed. Reading never blocks and never loses output of the
child itself, even if a grandchild holds a pipe open, or the child closes a stream early, floods
one, or writes invalid UTF-8.
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
LINGER_S = 0.2  # how long to read an exited child's pipes while other processes hold them open,
PIPE_BYTES = 1 << 20  # and how much to read at least: a pipe never holds more of the child's output
KEEP_BYTES = 1 << 20
MAX_SELECT_S = 3600.0  # the longest wait of one select: the kernel does not accept a month
NOT_FOUND = 127
CANNOT_RUN = 126


class Result(NamedTuple):
    """How a child ended. `exit_code` is -n if signal n killed it. `stdout` and `stderr` are the
    last `keep` bytes of each stream."""

    argv: Tuple[str, ...]
    exit_code: int
    stdout: str
    stderr: str
    seconds: float
    timed_out: bool = False
    dropped_bytes: int = 0

    def last_lines(self, count: int = 3) -> str:
        """The last lines that are not empty, for a message."""
        lines = [
            line.strip() for line in (self.stdout + "\n" + self.stderr).splitlines() if line.strip()
        ]
        return " | ".join(lines[-count:])

    def describe_end(self) -> str:
        """One sentence: the program, how it ended, the last lines of its output."""
        if self.timed_out:
            how = "was ended after %.0f s without an end" % self.seconds
        elif self.exit_code < 0:
            how = "was killed by signal %d" % -self.exit_code
        else:
            how = "ended with %d" % self.exit_code
        words = self.last_lines()
        return "%s %s%s" % (os.path.basename(self.argv[0]), how, ": " + words if words else "")


class ProgramFailed(StepFailed):
    """A program exited with an unexpected code, or was stopped at its time limit."""

    def __init__(self, result: Result) -> None:
        super().__init__(result.describe_end())
        self.result = result


def spawn(argv: Sequence[str], **how: Any) -> "subprocess.Popen[bytes]":
    """Start a child in its own session, with an empty stdin by default. Raises OSError if it cannot
    start.

    Arguments and environment are passed as UTF-8 for any locale: on Python 3.6 the locale may be
    ASCII. The environment may be `encoded` already.
    """
    how.setdefault("stdin", subprocess.DEVNULL)
    if how.get("env") is not None and not isinstance(next(iter(how["env"]), ""), bytes):
        how["env"] = encoded(how["env"])
    # Python ignores exceptions in the functions that it calls around a fork
    with shielded():
        return subprocess.Popen([to_bytes(word) for word in argv], start_new_session=True, **how)


def encoded(environ: Dict[str, str]) -> Dict[bytes, bytes]:
    """An environment in the form that a program receives, computed in advance."""
    return {to_bytes(name): to_bytes(value) for name, value in environ.items()}


def dies_with_us() -> Optional[Callable[[], None]]:
    """A function that a child calls before it executes the program: the kernel then kills the child
    when the pilot is killed (Linux)."""
    return prctl.prepared(prctl.PDEATHSIG, int(signal.SIGKILL))


def to_bytes(text: str) -> bytes:
    """An argument or a variable in UTF-8."""
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
    """Run a program to its end, for at most `timeout_s` seconds, and return its result.

    Raises ProgramFailed unless the exit code is in `ok` (None accepts any code), NodeUnfit if the
    node cannot start any program. After the time limit, or when an exception passes through (a
    signal, the limit of a command), the process group gets SIGTERM and, `grace_s` seconds later,
    SIGKILL; descendants in other sessions get SIGKILL, too. `on_start` receives the pid.
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
    """A child process and its pipes; ends the child and closes the pipes."""

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
        except BaseException:  # for example a signal: do not leave the new child running
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
        """Wait for the child until its time limit; then end its process tree."""
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
        except OSError:  # the pilot gave up on the child before it exited
            os.close(self._exit_write)

    def _until_exit(self, deadline: float) -> bool:
        """Serve the pipes until the child exits (return True) or until the deadline (return
        False)."""
        while True:
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            for key, _ in self._selector.select(min(left, MAX_SELECT_S)):
                if key.data is None:
                    return True
                with shielded():  # a line that was read is passed on, even if a signal arrives
                    self._serve_pipe(key)

    def _serve_pipe(self, key: selectors.SelectorKey) -> int:
        """Read or write one pipe; return the number of bytes."""
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
        """End the child and all its descendants; read the rest of its output."""
        alive = self._child.returncode is None
        tree = process_tree.descendants(self.pid) if alive else []
        if alive:
            process_tree.send_group(self.pid, signal.SIGTERM)
            if not self._until_exit(time.monotonic() + grace_s):
                tree += process_tree.descendants(self.pid)
        self._drain_pipes(time.monotonic() + LINGER_S)
        process_tree.send_group(self.pid, signal.SIGKILL)
        process_tree.send(tree, signal.SIGKILL)
        self._waiter.join(GRACE_S)  # do not wait longer for a child in state D
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
