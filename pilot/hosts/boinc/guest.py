"""BOINC client protocol: reports progress, suspends and resumes, quits on request or when the
client is gone.

One thread runs four times a second. A native application uses the shared memory. Under the wrapper
or vboxwrapper, the pilot writes the files that they watch.
"""

import os
import signal
import threading
import time
from typing import Dict, NamedTuple, Optional

from pilot.base import prctl, process_tree
from pilot.hosts.boinc import slot
from pilot.hosts.boinc.client import NativeClient, connect_client
from pilot.hosts.host import PilotEnd, Host, Progress
from pilot.node.batch import boinc
from pilot.base.setting_values import SettingValues

EVERY_S = 0.25
FILES_EVERY_S = 1.0


class Files(NamedTuple):
    """The files that a wrapper watches; an empty string for each file that it does not watch."""

    fraction: str = ""
    checkpoint: str = ""
    heartbeat: str = ""
    completion: str = ""
    temporary_exit: str = ""


def files_of(settings: SettingValues) -> Files:
    """The files that the settings name."""
    return Files(*(str(settings["boinc_%s_file" % name] or "") for name in Files._fields))


class Guest:
    """Starts at once. `done` returns (fraction from 0 to 1, number of checkpoints so far). Call
    `write_ending` once, at the end."""

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
            # the wrapper's --use_tstp; this process keeps running to receive SIGCONT
            signal.signal(signal.SIGTSTP, lambda *_: self.suspend())
            signal.signal(signal.SIGCONT, lambda *_: self.resume())
        self._report_progress()
        threading.Thread(target=self._serve_client, daemon=True).start()

    def _serve_client(self) -> None:
        while not self._stop.wait(EVERY_S):
            if self._client is not None and not self._leaving:
                self._obey_client(self._client)
            if self._suspended:
                self._stop_children()  # including children started since then
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
        """Stop all child processes. This process keeps running to receive the next request."""
        self._suspended = True
        self._stop_children()

    def _stop_children(self) -> None:
        process_tree.send(
            [one for one in process_tree.descendants(os.getpid()) if one.state != "T"],
            signal.SIGSTOP,
        )

    def resume(self) -> None:
        """Continue all child processes."""
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
        """Write the last files. Return the exit code for BOINC: the pilot's own, or BOINC's code
        for a native application."""
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
    """A wrapper that is killed does not notify its child. Ask the kernel for a signal, then check
    whether the wrapper exited before."""
    parent = os.getppid()
    if prctl.die_with_parent() and os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGTERM)


class BoincHost(Host):
    """The BOINC client, its wrapper, or vboxwrapper."""

    def __init__(self, folder: str, files: Files) -> None:
        self._folder, self._files = folder, files
        self.shares_files = boinc.is_slot(folder)  # the client may be another user
        self._guest: Optional[Guest] = None

    def resolve_path(self, path: str) -> str:
        """The file that the client's soft link points to."""
        return slot.resolve_link(path) if self.shares_files else path

    def begin(self, progress: Progress) -> None:
        """Start to report progress and to receive requests."""
        self._guest = Guest(self._folder, self._files, progress)

    def stopping(self, code: int) -> None:
        """Resume the child processes: a suspended process cannot exit."""
        if self._guest is not None:
            self._guest.resume()

    def ended(self, ending: PilotEnd) -> int:
        """Write the last files; a native application exits with BOINC's own exit code."""
        if self._guest is None:
            return ending.code
        return self._guest.write_ending(
            ending.code, ending.tasks, ending.asked_for_work, ending.reason
        )


def find_host(environ: Dict[str, str], settings: SettingValues) -> Optional[Host]:
    """The BOINC host. Call this only in a slot, or if the settings name files for a wrapper."""
    return BoincHost(os.getcwd(), files_of(settings))
