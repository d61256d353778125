"""SayHello: a new command, as short as possible."""

from typing import NamedTuple, Tuple

from pilot import values
from pilot.command import Command, Option
from pilot.context import Context
from pilot.errors import Skip
from pilot.facts import WorkerNode


class Greeting(NamedTuple):
    """The greeting, for later commands."""

    text: str


class SayHello(Command):
    """Greet the worker node."""

    name = "SayHello"
    options: Tuple[Option, ...] = (
        Option("greeting", "the word to greet with", default="Hello"),
        Option("quiet", "say nothing", values.boolean, False),
    )
    requires = (WorkerNode,)
    provides = (Greeting,)
    timeout_s = 10.0

    def run(self, ctx: Context) -> Tuple[object, ...]:
        if ctx.settings["quiet"]:
            raise Skip("--quiet was given")
        greeting = Greeting("%s, %s!" % (ctx.settings["greeting"], ctx.get(WorkerNode).host))
        self.log.info("%s", greeting.text)
        return (greeting,)
