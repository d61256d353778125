"""Watches the end of the slot during a long command: whether it moves closer, and whether a drain
file appears."""

import _thread
import logging
import os
import signal
import threading
from typing import Sequence, Type

from pilot.command import Command
from pilot.context import Context
from pilot.facts import WorkerNode
from pilot.node import features
from pilot.node.batch import detect
from pilot.base.shared_defaults import SPOT_CLOUDS

LOOK_S = 1.0
WEB_LOOKS = 15  # checks between two requests to a web server


def begin(ctx: Context, plan: Sequence[Type[Command]]) -> None:
    """Find the end of the slot and watch it from now on. For a plan in which no command runs the
    batch system's own program, this function runs it (up to 20 s)."""
    ask = not any(WorkerNode in command.provides for command in plan)
    settings, places = ctx.settings, features.find(ctx.environ)
    if "spot_notices" in settings and settings["spot_notices"] != SPOT_CLOUDS[0]:
        from pilot.node.poller import ends_reader

        ctx.deadline.read_ends = ends_reader(places, settings["spot_notices"], LOOK_S * WEB_LOOKS)
    ctx.know_batch(detect.detect_job(ctx.environ, detect.time_of_day(), ask))
    ctx.deadline.update_ends()
    # without a lock of threading's, because a signal handler calls this
    ctx.interrupts.on_long = lambda: _thread.start_new_thread(
        _keep, (ctx, WEB_LOOKS if places.is_remote() else 1)
    )


def _keep(ctx: Context, every: int) -> None:
    deadline, never, looks, done = ctx.deadline, threading.Event(), 0, False
    while not never.wait(LOOK_S):
        looks += 1
        if looks % every == 0:
            deadline.update_ends()
        if deadline.end() is not None:
            # the end may have moved: the handler sets the timer again
            os.kill(os.getpid(), signal.SIGALRM)
        path = "" if done else deadline.drain_file()
        if path:
            done = True
            logging.getLogger("pilot").warning("the drain file %s exists", path)
            os.kill(os.getpid(), signal.SIGUSR1)
