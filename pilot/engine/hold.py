"""Holds the slot of a sick node, so that the next pilots of the queue start on other nodes."""

import logging
import random
import signal
from typing import TYPE_CHECKING

from pilot.errors import Stopped, TimeLimit
from pilot.events import event as events

if TYPE_CHECKING:
    from pilot.engine.life import Life


def hold_slot(life: "Life", code: int) -> None:
    """Occupy the slot of a sick node, idle, for a while after a failed check, so that the node does
    not fail the whole queue. Once only; any signal ends it."""
    least, most = life.request.settings["hold_s"]
    if most <= 0 or life.interrupts.stop is not None:
        return
    left = life.context.time_left_s()
    seconds = max(0.0, min(random.uniform(least, most), most if left is None else left))
    life.write_report(code)
    logging.getLogger("pilot").warning(
        "holding this slot for %.0f s, so that the next pilots go elsewhere (--hold-s)", seconds
    )
    life.sinks.stream.emit(events.PILOT_HOLDING, seconds=round(seconds), exit_code=code)

    def enough(signum: int) -> None:
        raise TimeLimit(seconds)

    try:
        with life.interrupts.listening(enough), life.interrupts.armed(
            seconds, life.context.time_left_s
        ):
            while True:
                signal.pause()
    except (TimeLimit, Stopped):
        pass
