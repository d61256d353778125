"""RunProbes: runs Nagios plug-ins and refuses the node when one is critical."""

import os
import re
import shlex
from typing import Dict, List, Tuple

from pilot import process, values
from pilot.command import Command, Option
from pilot.context import Context
from pilot.errors import NodeUnfit, Skip, UsageError
from pilot.facts import ProbeResult, Probes

STATES = {0: "OK", 1: "WARNING", 2: "CRITICAL", 3: "UNKNOWN"}
# 'label'=value[UOM];[warn];[crit];[min];[max], a quote in a label doubled (Nagios plug-in API)
_PERFDATA = re.compile(r"('(?:[^']|'')+'|[^\s='|]+)=([^\s;]*)(?:;\S*)?")


class RunProbes(Command):
    """Run Nagios plug-ins, each under a time limit; a critical one makes the node unfit."""

    name = "RunProbes"
    options = (
        Option("probes", "the plug-ins: programs with their arguments, relative to the workdir", values.words, ()),
        Option("probe_timeout_s", "seconds each may take; longer is UNKNOWN", values.seconds, 60.0),
        Option("probes_only_warn", "go on even when a probe is critical", values.boolean, False),
    )
    provides = (Probes,)
    timeout_s = 3600.0
    failure = NodeUnfit

    def run(self, ctx: Context) -> Tuple[object, ...]:
        if not ctx.settings["probes"]:
            raise Skip("no probes are named (--probes)")
        results = tuple(self._probe(ctx, text) for text in ctx.settings["probes"])
        bad = ["%s: %s" % (result.name, result.text) for result in results if result.state == "CRITICAL"]
        if bad and not ctx.settings["probes_only_warn"]:
            raise NodeUnfit("critical probe: " + "; ".join(bad))
        return (Probes(results),)

    def _probe(self, ctx: Context, text: str) -> ProbeResult:
        argv = probe_argv(text, ctx.workdir)
        ran = process.run(argv, timeout_s=ctx.settings["probe_timeout_s"], ok=None, environ=ctx.environ, cwd=ctx.workdir)
        result = judge(os.path.basename(argv[0]), ran)
        level = self.log.debug if result.state == "OK" else self.log.warning
        level("%s %s after %.1f s: %s", result.name, result.state, result.seconds, result.text)
        return result


def probe_argv(text: str, workdir: str) -> List[str]:
    """The plug-in's words; a name that is a file of the workdir is that file, executable or not."""
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise UsageError("--probes: %r: %s" % (text, error))
    if not words:
        raise UsageError("--probes: an empty name")
    path = os.path.join(workdir, words[0])
    if os.path.isfile(path):
        if not os.access(path, os.X_OK):
            os.chmod(path, os.stat(path).st_mode | 0o100)
        words[0] = path
    return words


def judge(name: str, ran: process.Result) -> ProbeResult:
    """State, text and perfdata by the plug-in API: 0 OK, 1 WARNING, 2 CRITICAL, all else UNKNOWN."""
    if ran.timed_out:
        return ProbeResult(name, "UNKNOWN", "no answer within %.0f s" % ran.seconds, ran.seconds, {})
    text, perfdata = parse_output(ran.stdout)
    if not text:
        text = ran.last_lines(1) or "it said nothing"
    return ProbeResult(name, STATES.get(ran.exit_code, "UNKNOWN"), text, ran.seconds, perfdata)


def parse_output(text: str) -> Tuple[str, Dict[str, str]]:
    """The first line's text, and perfdata: behind its bar, and all behind a bar in the later lines."""
    first, _, rest = text.strip("\n").partition("\n")
    words, _, data = first.partition("|")
    data += " " + rest.partition("|")[2]
    found = {}
    for label, value in _PERFDATA.findall(data):
        if label.startswith("'"):
            label = label[1:-1].replace("''", "'")
        found[label] = value
    return words.strip(), found
