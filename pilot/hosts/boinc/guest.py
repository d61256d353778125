"""A pilot's manners at BOINC's table: tells how far it is, pauses and goes on when asked, ends when
asked or when the host is gone.

One thread, four times a second. As a native application it talks by the shared memory; under the
wrapper and vboxwrapper it writes the files they watch.
"""

import os
import signal
import threading
import time
from typing import TYPE_CHECKING, Dict, NamedTuple, Optional

from pilot.base import prctl, process_tree
from pilot.hosts.boinc import slot
from pilot.hosts.boinc.client import NativeClient, connect_client
from pilot.hosts.host import PilotEnd, Host, Progress
from pilot.node.batch import boinc

if TYPE_CHECKING:
    from pilot.base.setting_values import SettingValues

EVERY_S = 0.25
FILES_EVERY_S = 1.0


class Files(NamedTuple):
    """The files that a wrapper watches; "" for those that it does not."""

    fraction: str = ""
    checkpoint: str = ""
    heartbeat: str = ""
    completion: str = ""
    temporary_exit: str = ""


def files_of(settings: "SettingValues") -> Files:
    """As the settings name them."""
    return Files(*(str(settings["boinc_%s_file" % name] or "") for name in Files._fields))


class Guest:
    """Begins at once; `done` tells (fraction 0 to 1, checkpoints so far). `end` is to be called
    once, in the end."""

    def __init__(self, folder: str, files: Files, done: Progress) -> None:
        self.aborted = False
        self._folder, self._files, self._done = folder, files, done
        self._client = connect_client(folder)
        self._suspended = self._leaving = False
        self._checkpoints = 0
        self._written = 0.0
        self._stop = threading.Event()
        if boinc.is_slot(folder) and self._client is None:
            _die_with_wrapper()
            # the wrapper's --use_tstp; we stay to hear SIGCONT
            signal.signal(signal.SIGTSTP, lambda *_: self.suspend())
            signal.signal(signal.SIGCONT, lambda *_: self.resume())
        self._report_progress()
        threading.Thread(target=self._serve_client, daemon=True).start()

    def _serve_client(self) -> None:
        while not self._stop.wait(EVERY_S):
            if self._client is not None and not self._leaving:
                self._obey_client(self._client)
            if self._suspended:
                self._stop_children()  # what was started since, too
            if time.monotonic() - self._written >= FILES_EVERY_S and not self._suspended:
                self._written = time.monotonic()
                self._report_progress()

    def _obey_client(self, client: NativeClient) -> None:
        control = client.receive_control()
        if "<suspend" in control:
            self.suspend()
        elif "<resume" in control:
            self.resume()
        if "<abort" in control or "<quit" in control or client.is_gone():
            self.aborted = self.aborted or "<abort" in control
            self._leave_slot()

    def _leave_slot(self) -> None:
        if not self._leaving:
            self._leaving = True
            self.resume()
            os.kill(os.getpid(), signal.SIGTERM)

    def suspend(self) -> None:
        """Nothing of ours but this process runs on: it has to hear what comes next."""
        self._suspended = True
        self._stop_children()

    def _stop_children(self) -> None:
        process_tree.send(
            [one for one in process_tree.descendants(os.getpid()) if one.state != "T"],
            signal.SIGSTOP,
        )

    def resume(self) -> None:
        """All goes on."""
        self._suspended = False
        process_tree.send(process_tree.descendants(os.getpid()), signal.SIGCONT)

    def _report_progress(self) -> None:
        fraction, checkpoints = self._done()
        if self._client is not None:
            self._client.send_progress(fraction, checkpoints > self._checkpoints)
        if self._files.fraction:
            slot.leave_file(self._files.fraction, "%.6f\n" % fraction)
        for path, due in (
            (self._files.checkpoint, checkpoints > self._checkpoints),
            (self._files.heartbeat, True),
        ):
            if path and due:
                slot.leave_file(path, "%d\n" % checkpoints)
        self._checkpoints = checkpoints

    def write_ending(self, code: int, tasks: int, asked_for_work: bool, reason: str) -> int:
        """The last files; returns the exit code that BOINC is to see: ours, but for a native
        application BOINC's own."""
        self._stop.set()
        last = slot.choose_ending(code, tasks, asked_for_work, self.aborted, reason)
        words = slot.one_line(last.reason)
        if last.again_s and self._files.temporary_exit:
            slot.leave_file(self._files.temporary_exit, "%d\n0\n%s\n" % (last.again_s, words))
        elif self._files.completion:
            slot.leave_file(
                self._files.completion,
                "%d\n%d\n%s\n" % (last.status, int(bool(last.status)), words),
            )
        if self._client is None:
            return code
        slot.report_ending(self._folder, last)
        return last.status


def _die_with_wrapper() -> None:
    """A wrapper that is killed tells its child nothing: let the kernel do it, and look whether it
    was too late."""
    parent = os.getppid()
    if prctl.die_with_parent() and os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGTERM)


class BoincHost(Host):
    """BOINC's client, its wrapper, or vboxwrapper."""

    def __init__(self, folder: str, files: Files) -> None:
        self._folder, self._files = folder, files
        self.shares_files = boinc.is_slot(folder)  # the client may be another user
        self._guest: Optional[Guest] = None

    def resolve_path(self, path: str) -> str:
        """The file behind the client's soft link."""
        return slot.resolve_link(path) if self.shares_files else path

    def begin(self, progress: Progress) -> None:
        """Tell how far we are, and listen."""
        self._guest = Guest(self._folder, self._files, progress)

    def stopping(self, code: int) -> None:
        """What is suspended cannot end."""
        if self._guest is not None:
            self._guest.resume()

    def ended(self, ending: PilotEnd) -> int:
        """The last files; a native application ends with BOINC's own exit code."""
        if self._guest is None:
            return ending.code
        return self._guest.write_ending(
            ending.code, ending.tasks, ending.asked_for_work, ending.reason
        )


def find_host(environ: Dict[str, str], settings: "SettingValues") -> Optional[Host]:
    """BOINC, in whose slot we are or for whose wrapper the settings name files."""
    return BoincHost(os.getcwd(), files_of(settings))
