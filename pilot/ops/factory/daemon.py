"""The running factory: a lock on the book, cycles until a signal comes, the file read anew."""

import fcntl
import logging
import os
import select
import signal
import socket
from contextlib import contextmanager
from typing import Callable, Dict, Iterator, List, Optional, Sequence, Set

from pilot.base import process_tree
from pilot.base.files import write_file
from pilot.errors import NodeUnfit, UsageError
from pilot.ops.factory import backends, cycle
from pilot.ops.factory.backends.backend import Backend
from pilot.ops.factory.book import Book, Pilot
from pilot.ops.factory.config import Farm, Site, read_farm
from pilot.ops.factory.cycle import Access
from pilot.ops.factory.decisions import SiteReport
from pilot.ops.factory.report import last_lines
from pilot.ops.factory.reporting import Reporter, describe_state
from pilot.ops.factory.source import DemandSource, read_source
from pilot.ops.factory.submission import Mint, PilotFiles, folder_of
from pilot.ops.factory.in_force import keep_file
from pilot.ops.factory.interruption import AGAIN_S, HURRY_S, Interrupted, interrupt, interruptible
from pilot.pool import open_pool
from pilot.pool.interface import Busy, Demand, Pool

log = logging.getLogger("pilot.factory")


class Running(UsageError):
    """Another process has the lock of this book."""


@contextmanager
def locked(folder: str) -> Iterator[None]:
    """Hold the book alone. Raises Running; UsageError for a book of another machine."""
    os.makedirs(folder, 0o700, exist_ok=True)
    with open(os.path.join(folder, "lock"), "a+") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise Running("%s: process %s runs this factory" % (folder, read_lock(folder)))
        stream.truncate(0)
        stream.write("%d %d\n" % (os.getpid(), _start_of(os.getpid())))
        stream.flush()
        _check_machine(folder)
        yield
        stream.truncate(0)


def read_lock(folder: str) -> Optional[int]:
    """The pid of the process that runs this factory, if one does. It takes no lock, which would
    stop a factory that starts at this moment."""
    try:
        with open(os.path.join(folder, "lock")) as stream:
            pid, started = (int(word) for word in stream.read().split())
    except (OSError, ValueError):
        return None
    return pid if _start_of(pid) == started else None


def _start_of(pid: int) -> int:
    """When a process started, in ticks of the machine; -1 when there is none."""
    process = process_tree.look_up(pid)
    return -1 if process is None or process.state == "Z" else process.started


def _machine() -> str:
    try:
        with open("/etc/machine-id") as stream:
            return stream.read().strip()
    except OSError:
        return socket.gethostname()


def _check_machine(folder: str) -> None:
    """A book that was copied to another machine would submit everything twice."""
    path = os.path.join(folder, "machine")
    try:
        with open(path) as stream:
            there = stream.read().strip()
    except FileNotFoundError:
        return write_file(path, _machine().encode())
    if there != _machine():
        raise UsageError(
            "%s: this book is of another machine; if the factory there has ended for good, remove %s"
            % (folder, path)
        )


def pool_environ(farm: Farm) -> Dict[str, str]:
    """Our environment, with the token that the file names."""
    token = {"PILOT_POOL_TOKEN_FILE": farm.token_file} if farm.token_file else {}
    return dict(os.environ, **token)


def make_access(farm: Farm, stopping: Callable[[], bool] = lambda: False) -> Access:
    """The real batch systems, pools and tokens of this farm."""
    environ = pool_environ(farm)
    made: Dict[str, Backend] = {}

    def backend(name: str) -> Backend:
        if name not in made:
            made[name] = backends.make_backend(name, dict(os.environ), farm.book)
        return made[name]

    def read_demand(url: str) -> Demand:
        with _patient_pool(url, environ) as pool:
            return pool.demand()

    def mint_of(site: Site) -> Optional[Mint]:
        if not farm.token_file or not site.pool.startswith("http"):
            return None

        def mint(prefix: str, pilots: int, seconds: float) -> str:
            with _patient_pool(site.pool, environ) as pool:
                return pool.start_token(prefix, pilots, seconds)

        return mint

    def read_own(source: DemandSource) -> int:
        return read_source(source, dict(os.environ), os.path.dirname(os.path.abspath(farm.path)))

    def heard(url: str, pilots: Sequence[str], seconds: float) -> Set[str]:
        with _patient_pool(url, environ) as pool:
            return pool.heard(pilots, seconds)

    return Access(backend, read_demand, heard, read_own, mint_of, PilotFiles(farm), stopping)


@contextmanager
def _patient_pool(url: str, environ: Dict[str, str]) -> Iterator[Pool]:
    """A pool that is not waited for once the factory ends (Busy)."""
    try:
        with interruptible(), open_pool(url, environ=environ) as pool:
            yield pool
    except Interrupted as error:
        raise Busy(str(error))


class Daemon:
    """Runs cycles until `stop`."""

    def __init__(self, path: str) -> None:
        self._path, self._farm = path, read_farm(path, backends.NAMES)
        self._stopping = False
        # a signal handler may write to a pipe at any moment
        self._read_end, self._write_end = os.pipe()
        os.set_blocking(self._write_end, False)
        self._read_at = _stamp(path)

    def run(self) -> int:
        """Run in the foreground; returns the exit code."""
        for signum in (signal.SIGTERM, signal.SIGINT):
            signal.signal(signum, lambda *_: self.stop())
        signal.signal(signal.SIGALRM, lambda *_: interrupt())
        with locked(self._farm.book):
            book, access = Book(self._farm.book), self._make_access()
            reporter = Reporter(self._farm, pool_environ(self._farm))
            keep_file(self._farm)
            log.info("%s: %d sites, book %s", self._path, len(self._farm.sites), self._farm.book)
            while not self._stopping:
                if self._read_again():
                    access = self._make_access()
                    reporter.close()
                    reporter = Reporter(self._farm, pool_environ(self._farm))
                try:
                    reports = cycle.run_cycle(self._farm, book, access)
                    _report(reporter, self._farm, book, access, reports)
                except NodeUnfit as error:  # it may be mended while we run
                    log.error("%s", error)
                select.select([self._read_end], [], [], self._farm.cycle_s)
            reporter.report(self._farm, {"state": "stopped", "sites": []})
            reporter.close()
            book.close()
        signal.setitimer(signal.ITIMER_REAL, 0)  # as Python ends, the signal would kill it
        log.info("stopped; the pilots go on")
        return 0

    def _make_access(self) -> Access:
        return make_access(self._farm, lambda: self._stopping)

    def stop(self) -> None:
        """End after the submission under way; a command or server that hangs is not waited for."""
        self._stopping = True
        signal.setitimer(signal.ITIMER_REAL, HURRY_S, AGAIN_S)
        os.write(self._write_end, b"x")

    def _read_again(self) -> bool:
        """Take over a changed file, if it is right as a whole."""
        stamp = _stamp(self._path)
        if stamp == self._read_at:
            return False
        self._read_at = stamp
        try:
            farm = read_farm(self._path, backends.NAMES)
        except UsageError as error:
            log.error("the changed file is not used: %s", "; ".join(error.problems))
            return False
        if farm.book != self._farm.book:
            log.error("%s: another book needs another start", self._path)
            return False
        self._farm = farm
        keep_file(farm)
        log.info("%s was read again: %d sites", self._path, len(farm.sites))
        return True


def _stamp(path: str) -> Optional[int]:
    try:
        return os.stat(path).st_mtime_ns
    except OSError:
        return None


def _report(
    reporter: Reporter, farm: Farm, book: Book, access: Access, reports: List[SiteReport]
) -> None:
    """Tell the server what a cycle found."""
    def tail_of(pilot: Pilot, backend: str) -> List[str]:
        return last_lines(access.backend(backend), folder_of(farm.book, pilot.tag), pilot.number)

    reporter.report(farm, describe_state(farm, book, reports))
    reporter.report_pilots(farm, book, tail_of)


def run_once(farm: Farm) -> Optional[List[SiteReport]]:
    """One cycle; None while the daemon runs."""
    try:
        with locked(farm.book):
            book, reporter = Book(farm.book), Reporter(farm, pool_environ(farm))
            try:
                access = make_access(farm)
                reports = cycle.run_cycle(farm, book, access)
                _report(reporter, farm, book, access, reports)
                return reports
            finally:
                reporter.close()
                book.close()
    except Running:
        return None
