"""What a pilot leaves in $JOBOUTPUTS for the manager of its virtual machine: heartbeat and
shutdown_message.

Vac, Vcycle and the Vacuum Platform (HSF-TN-2016-04): the message is one line `NNN text` without a
newline, of which only the number counts; the heartbeat is a file that must be there soon and stay
fresh. $JOBOUTPUTS is a folder or a URL to PUT to.
"""

import logging
import os
import threading
from typing import TYPE_CHECKING, Dict, Optional, Tuple

from pilot.base.files import write_file
from pilot.errors import SIGNAL_BASE, StepFailed
from pilot.hosts.host import PilotEnd, Host, Progress
from pilot.node.features import parse_place, tls_of

if TYPE_CHECKING:
    from pilot.base.setting_values import SettingValues

HEARTBEAT, SHUTDOWN_MESSAGE = "heartbeat", "shutdown_message"
EVERY_S = 300.0
PUT_TIMEOUT_S = 5.0
FIRST_BEAT_S = 1.0  # a short pilot waits so long for its only beat
# our exit code -> theirs; a pilot that found no work says 300, so that the manager starts fewer
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
    """The shutdown_message for an exit code: `tasks` were run, if work was asked for at all."""
    if code > SIGNAL_BASE:
        number, text = STOPPED
    elif code == 0 and asked_for_work and not tasks:
        number, text = NO_WORK
    else:
        number, text = _MESSAGES.get(code, (600, "Problem with the pilot"))
    return "%d %s (exit code %d)" % (number, text, code)


def place(environ: Dict[str, str]) -> Optional[str]:
    """The folder or URL that $JOBOUTPUTS names; None without it."""
    return parse_place(environ.get("JOBOUTPUTS"))


def leave(where: str, name: str, text: str) -> Optional[str]:
    """Write a file there; why it could not be, or None."""
    try:
        if where.startswith("/"):
            write_file(os.path.join(where, name), text.encode(), 0o666)
        else:
            from pilot.base import fetch  # only where $JOBOUTPUTS is a URL

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
    """load1 load5 load15 uptime idle, as Vac's own virtual machines write it."""
    try:
        with open("/proc/loadavg") as loads, open("/proc/uptime") as uptime:
            return " ".join(loads.read().split()[:3] + uptime.read().split()[:2]) + "\n"
    except OSError:
        return "0 0 0 0 0\n"


class JobOutputs:
    """Beats at once and then every few minutes, in a thread of its own, until the last message is
    left."""

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
        """A signal came: the message goes out at once, in case there is no time for a better
        one."""
        self._early = threading.Thread(
            target=leave, args=(self._where, SHUTDOWN_MESSAGE, message(code, 0, False)), daemon=True
        )
        self._early.start()

    def close(self, code: int, tasks: int, asked_for_work: bool) -> Optional[str]:
        """No more beats; leave the message. Why it could not be left, or None."""
        self._stop.set()
        self._beaten.wait(FIRST_BEAT_S)
        if self._early is not None:
            self._early.join(PUT_TIMEOUT_S)  # the better message must be the last
        return leave(self._where, SHUTDOWN_MESSAGE, message(code, tasks, asked_for_work))


class VacHost(Host):
    """The manager of a virtual machine that set $JOBOUTPUTS."""

    def __init__(self, where: str) -> None:
        self._where = where
        self._outputs: Optional[JobOutputs] = None

    def begin(self, progress: Progress) -> None:
        """The first heartbeat, at once."""
        self._outputs = JobOutputs(self._where)

    def stopping(self, code: int) -> None:
        """The message goes out early."""
        if self._outputs is not None:
            self._outputs.announce_stop(code)

    def ended(self, ending: PilotEnd) -> int:
        """The shutdown_message; a warning where it could not be left."""
        if self._outputs is not None:
            problem = self._outputs.close(ending.code, ending.tasks, ending.asked_for_work)
            if problem:
                logging.getLogger("pilot").warning("%s", problem)
        return ending.code


def find_host(environ: Dict[str, str], settings: "SettingValues") -> Optional[Host]:
    """The manager that $JOBOUTPUTS names a place of; None when it names none."""
    where = place(environ)
    return None if where is None else VacHost(where)
