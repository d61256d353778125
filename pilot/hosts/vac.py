"""Writes heartbeat and shutdown_message to $JOBOUTPUTS for the manager of the virtual machine.

The protocol is that of Vac, Vcycle and the Vacuum Platform (HSF-TN-2016-04). The message is one
line `NNN text` without a newline; managers use only the number. The heartbeat is a file that must
appear soon after the start and be updated regularly. $JOBOUTPUTS is a folder or a URL for PUT
requests.
"""

import logging
import os
import threading
from typing import Dict, Optional, Tuple

from pilot.base.files import write_file
from pilot.errors import SIGNAL_BASE, StepFailed
from pilot.hosts.host import PilotEnd, Host, Progress
from pilot.node.features import parse_place, tls_of
from pilot.base.setting_values import SettingValues

HEARTBEAT, SHUTDOWN_MESSAGE = "heartbeat", "shutdown_message"
EVERY_S = 300.0
PUT_TIMEOUT_S = 5.0
FIRST_BEAT_S = 1.0  # a short pilot waits this long for its only heartbeat
# the pilot's exit code -> number and text of the message; 300 is for a pilot that found no work:
# the manager then starts fewer machines
_MESSAGES: Dict[int, Tuple[int, str]] = {
    0: (200, "Intended work completed ok"),
    1: (600, "Problem with the pilot: a bug"),
    2: (600, "Problem with the pilot: it is configured wrong"),
    10: (500, "Problem with the environment provided by the site"),
    20: (700, "Transient problem: the software could not be installed"),
    30: (600, "Problem with the pilot: it could not be configured"),
    40: (700, "Transient problem with the agent"),
    50: (700, "Transient problem: the pool could not be reached"),
    60: (200, "Intended work completed: the time is over"),
}
NO_WORK = (300, "No more work available")
STOPPED = (100, "Shutdown as requested by the host")


def message(code: int, tasks: int, asked_for_work: bool) -> str:
    """The shutdown_message for an exit code. `tasks` is the number of tasks that were run; it
    counts only if the pilot asked for work."""
    if code > SIGNAL_BASE:
        number, text = STOPPED
    elif code == 0 and asked_for_work and not tasks:
        number, text = NO_WORK
    else:
        number, text = _MESSAGES.get(code, (600, "Problem with the pilot"))
    return "%d %s (exit code %d)" % (number, text, code)


def place(environ: Dict[str, str]) -> Optional[str]:
    """The folder or URL in $JOBOUTPUTS; None without one."""
    return parse_place(environ.get("JOBOUTPUTS"))


def leave(where: str, name: str, text: str) -> Optional[str]:
    """Write a file to a folder or URL. Return the reason if this fails, else None."""
    try:
        if where.startswith("/"):
            write_file(os.path.join(where, name), text.encode(), 0o666)
        else:
            from pilot.base import fetch  # on demand: only if $JOBOUTPUTS is a URL

            fetch.get(
                where + "/" + name,
                PUT_TIMEOUT_S,
                attempts=1,
                data=text.encode(),
                method="PUT",
                context=tls_of(where),
            )
    except (OSError, ImportError, StepFailed) as error:
        return "%s/%s could not be written: %s" % (where, name, error)
    return None


def load_line() -> str:
    """load1 load5 load15 uptime idle, the format that Vac's own virtual machines use."""
    try:
        with open("/proc/loadavg") as loads, open("/proc/uptime") as uptime:
            return " ".join(loads.read().split()[:3] + uptime.read().split()[:2]) + "\n"
    except OSError:
        return "0 0 0 0 0\n"


class JobOutputs:
    """Writes a heartbeat at once and then every few minutes, in its own thread, until it writes the
    last message."""

    def __init__(self, where: str, every_s: float = EVERY_S) -> None:
        self._where, self._every_s = where, every_s
        self._stop, self._beaten = threading.Event(), threading.Event()
        self._early: Optional[threading.Thread] = None
        threading.Thread(target=self._beat_always, daemon=True).start()

    def _beat_always(self) -> None:
        while True:
            leave(self._where, HEARTBEAT, load_line())
            self._beaten.set()
            if self._stop.wait(self._every_s):
                return

    def announce_stop(self, code: int) -> None:
        """A signal arrived: write the message at once, in case there is no time for a better
        one."""
        self._early = threading.Thread(
            target=leave, args=(self._where, SHUTDOWN_MESSAGE, message(code, 0, False)), daemon=True
        )
        self._early.start()

    def close(self, code: int, tasks: int, asked_for_work: bool) -> Optional[str]:
        """Stop the heartbeats and write the message. Return the reason if this fails, else None."""
        self._stop.set()
        self._beaten.wait(FIRST_BEAT_S)
        if self._early is not None:
            self._early.join(PUT_TIMEOUT_S)  # the better message must be written last
        return leave(self._where, SHUTDOWN_MESSAGE, message(code, tasks, asked_for_work))


class VacHost(Host):
    """The manager of a virtual machine that set $JOBOUTPUTS."""

    def __init__(self, where: str) -> None:
        self._where = where
        self._outputs: Optional[JobOutputs] = None

    def begin(self, progress: Progress) -> None:
        """Start the heartbeats; the first is written at once."""
        self._outputs = JobOutputs(self._where)

    def stopping(self, code: int) -> None:
        """Write the message early."""
        if self._outputs is not None:
            self._outputs.announce_stop(code)

    def ended(self, ending: PilotEnd) -> int:
        """Write the shutdown_message; log a warning if this fails."""
        if self._outputs is not None:
            problem = self._outputs.close(ending.code, ending.tasks, ending.asked_for_work)
            if problem:
                logging.getLogger("pilot").warning("%s", problem)
        return ending.code


def find_host(environ: Dict[str, str], settings: SettingValues) -> Optional[Host]:
    """The manager that reads $JOBOUTPUTS; None without a valid place in it."""
    where = place(environ)
    return None if where is None else VacHost(where)
