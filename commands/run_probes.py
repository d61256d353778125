"""RunProbes: runs Nagios plug-ins and refuses the node when one is critical."""

import logging
from typing import Tuple

from pilot import values
from pilot.command import Command, Option
from pilot.context import Context
from pilot.errors import NodeUnfit, Skip
from pilot.facts import Probes


class RunProbes(Command):
    """Run Nagios plug-ins, each under a time limit; a critical one makes the node unfit."""

    name = "RunProbes"
    options: Tuple[Option, ...] = (
        Option(
            "probes",
            "the plug-ins: programs with their arguments, relative to the workdir",
            values.words,
            (),
        ),
        Option("probe_timeout_s", "seconds each may take; longer is UNKNOWN", values.seconds, 60.0),
        Option("probes_only_warn", "go on even when a probe is critical", values.boolean, False),
    )
    provides = (Probes,)
    uses = ("pilot.node.nagios",)
    timeout_s = 3600.0
    failure = NodeUnfit

    def run(self, ctx: Context) -> Tuple[object, ...]:
        if not ctx.settings["probes"]:
            raise Skip("no probes are named (--probes)")
        from pilot.node import nagios

        limit = ctx.settings["probe_timeout_s"]
        results = tuple(
            nagios.probe(text, ctx.workdir, ctx.environ, limit) for text in ctx.settings["probes"]
        )
        for result in results:
            level = logging.DEBUG if result.state == "OK" else logging.WARNING
            self.log.log(
                level,
                "%s %s after %.1f s: %s",
                result.name,
                result.state,
                result.seconds,
                result.text,
            )
        bad = [
            "%s: %s" % (result.name, result.text)
            for result in results
            if result.state == "CRITICAL"
        ]
        if bad and not ctx.settings["probes_only_warn"]:
            raise NodeUnfit("critical probe: " + "; ".join(bad))
        return (Probes(results),)
