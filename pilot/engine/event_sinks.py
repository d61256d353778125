"""The destinations of the events and the log of one run: its files, the terminal, servers and
queues."""

import os
import sys
from typing import TYPE_CHECKING, Optional

from pilot import VERSION
from pilot.base import log
from pilot.engine import program
from pilot.engine.request import Request
from pilot.engine.run_files import RunFiles, unusable_workdir
from pilot.engine.settings import Settings
from pilot.errors import UsageError
from pilot.events import event as events
from pilot.events.console import ConsoleSink
from pilot.events.file import FileSink
from pilot.events.stream import Stream
from pilot.events.tally import TaskTally

if TYPE_CHECKING:
    from pilot.events.far import Far

FILE = "file:"


class EventSinks:
    """The stream of events and its sinks; secrets are masked in each."""

    def __init__(self, request: Request, pilot_id: str, started: float) -> None:
        settings = request.settings
        self.masker, self.tally = log.Masker(), TaskTally()
        for secret in settings.secrets() + log.passwords(str(settings.public())):
            self.masker.add(secret)
        # a given id may have been used before: the sequence numbers must be higher than those
        first = int(started * 1000) << 10 if settings["pilot_id"] else 1
        self.stream = Stream(pilot_id, self.masker, first)
        self._request, self._pilot_id = request, pilot_id
        self._far: "Optional[Far]" = None

    def open_far(self, workdir: str) -> None:
        """Connect servers and queues first, so that they also get events when the workdir fails."""
        settings, environ = self._request.settings, dict(self._request.environ)
        log.set_up(self.masker, settings["debug"], None)
        urls = [place for place in settings["events"] if not place.startswith(FILE)]
        more = [one for package in self._request.packages if package.transports
                for one in package.transports(settings, dict(environ), self._pilot_id)]
        if urls or more:
            from pilot.base import pool_token  # only for pilots that use it
            from pilot.events.far import Far

            self._far = Far(self.stream, workdir, self.masker)
            environ.update(pool_token.variables(settings), PILOT_ID=self._pilot_id)
            self._far.open(urls, environ, more)
        self.stream.attach_sink(self.tally)
        self._emit_start(settings)

    def _emit_start(self, settings: Settings) -> None:
        self.stream.emit(
            events.PILOT_STARTED,
            version=VERSION,
            host=os.uname().nodename,
            commands=[command.name for command in self._request.plan],
            pid=os.getpid(),
            python=sys.version.split()[0],
            site=settings["site"] or "",
            ce=settings["ce"] or "",
            queue=settings["queue"] or "",
        )

    def open_local(self, files: RunFiles, log_file: int) -> None:
        """Open the files of the run, those of --events, and the terminal. NodeUnfit, UsageError."""
        settings = self._request.settings
        try:
            sink = FileSink(files.events, files.mode)
        except OSError as error:
            raise unusable_workdir(files, error)
        handlers = log.set_up(self.masker, settings["debug"], log_file)
        self._show_progress(settings, handlers[0])
        if self._far is not None:
            self._far.hear_log()
        self.stream.attach_sink(sink)
        self.stream.attach_sink(ConsoleSink())
        for place in settings["events"]:
            if place.startswith(FILE):
                self.stream.attach_sink(_open_sink(place[len(FILE):], files.mode))

    def _show_progress(self, settings: Settings, console: log.LineHandler) -> None:
        if (
            not os.isatty(2)
            or "tasks" not in settings
            or not settings["tasks"]
            or not program.has("pilot.events.progress")
        ):
            return
        from pilot.events import progress  # only for a person at a terminal
        from pilot.events.bar import Bar

        total = progress.count_tasks(settings) or 0
        self.stream.attach_sink(Bar(2, console, self.tally, total))

    def close(self, code: int, seconds: float, stopped: bool) -> None:
        """Emit the last event; send servers and queues what they have not received yet."""
        self.stream.emit(
            events.PILOT_FINISHED, exit_code=code, seconds=seconds, tasks=self.tally.counts
        )
        if self._far is not None:
            self._far.close(stopped)

    def emit_stop(self, signum: int) -> None:
        """Emit that a signal stops the pilot."""
        self.stream.emit(events.PILOT_STOPPING, signal=signum)


def _open_sink(path: str, mode: int) -> FileSink:
    try:
        return FileSink(path, mode)
    except OSError as error:
        raise UsageError("--events file:%s: %s" % (path, error.strerror))
