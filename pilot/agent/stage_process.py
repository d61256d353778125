"""The child process of one stage of a payload: starts, times, signals and reaps it."""

import signal
import subprocess
from typing import Callable, List, Optional

from pilot.agent import identity, marks
from pilot.agent.loop import ChildExit, Timer
from pilot.agent.payload_context import PayloadContext
from pilot.agent.stages import Start, close_streams
from pilot.base import process, process_tree
from pilot.pool.interface import Lease


class StageProcess:
    """At most one child at a time; `pid` is None when there is no child."""

    def __init__(self, shared: PayloadContext, lease: Lease, mark: str) -> None:
        self.pid: Optional[int] = None
        self.mark = mark
        self._shared, self._lease, self._number = shared, lease, shared.marks.new()
        self._timers: List[Timer] = []

    def spawn(
        self, start: Start, as_payload: bool, ended: Callable[[ChildExit], None]
    ) -> None:
        """Start the child; calls `ended` once when the child has exited and was reaped. Raises
        OSError, ValueError, and SubprocessError for an error between fork and exec."""
        options = identity.start_options(self._shared.config) if as_payload else {}
        lease_end = self._shared.lease_end(self._lease)
        self._shared.strays.starting(self._number, lease_end)
        try:
            with marks.marked_children(self._number):
                # no descriptor of ours is inheritable (PEP 446), and those that the pilot inherited
                # are closed: Popen need not look for any
                child = process.spawn(
                    start.argv,
                    stdin=start.stdin,
                    stdout=start.stdout,
                    stderr=start.stderr,
                    env=start.environ,
                    cwd=start.cwd,
                    close_fds=False,
                    **options,
                )
        finally:
            close_streams(start)
        self.pid = child.pid
        self._shared.strays.began(child.pid, self.mark, self._number, lease_end)
        # the leader has ended and its pid is still taken: the group is surely this child's
        self._shared.loop.watch_child(
            child.pid,
            lambda: self.signal_group(signal.SIGKILL),
            lambda exited: self._take_exit(child, exited, ended),
        )

    def _take_exit(
        self,
        child: "subprocess.Popen[bytes]",
        exited: ChildExit,
        ended: Callable[[ChildExit], None],
    ) -> None:
        child.returncode = exited.code  # the loop reaps it
        self._shared.strays.ended(child.pid)
        self.pid = None
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        ended(exited)

    def after(self, seconds: float, callback: Callable[[], None]) -> None:
        """Call back after so many seconds, unless the child has exited by then."""
        self._timers.append(self._shared.loop.after(seconds, callback))

    def extend_lease(self) -> None:
        """The lease was renewed: the warden lets the child run for longer."""
        end = self._shared.lease_end(self._lease)
        if self.pid is not None and end is not None:
            self._shared.strays.until(self.pid, end)

    def tree(self) -> List[process_tree.Process]:
        """The child and all processes that it started."""
        return [] if self.pid is None else self._shared.strays.tree(self.pid, self.mark)

    def signal_group(self, signum: int) -> None:
        """Send a signal to the child's process group."""
        if self.pid is not None:
            process_tree.send_group(self.pid, signum)

    def kill_tree(self) -> None:
        """Send SIGKILL to the child and all processes that it started."""
        if self.pid is not None:
            processes = self.tree()
            self.signal_group(signal.SIGKILL)
            process_tree.send(processes, signal.SIGKILL)
            self._shared.confinement.kill(self.mark)
