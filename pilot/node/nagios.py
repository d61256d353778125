"""The Nagios plug-in API: starts probes and interprets their exit codes and output."""

import os
import re
import shlex
from typing import Dict, List, Tuple

from pilot.base import process
from pilot.errors import UsageError
from pilot.facts import ProbeResult

STATES = {0: "OK", 1: "WARNING", 2: "CRITICAL", 3: "UNKNOWN"}
# 'label'=value[UOM];[warn];[crit];[min];[max], a quote in a label doubled (Nagios plug-in API)
_PERFDATA = re.compile(r"('(?:[^']|'')+'|[^\s='|]+)=([^\s;]*)(?:;\S*)?")


def probe(text: str, workdir: str, environ: Dict[str, str], timeout_s: float) -> ProbeResult:
    """Run one plug-in, for at most `timeout_s` seconds."""
    argv = probe_argv(text, workdir)
    return judge(
        os.path.basename(argv[0]),
        process.run(argv, timeout_s=timeout_s, ok=None, environ=environ, cwd=workdir),
    )


def probe_argv(text: str, workdir: str) -> List[str]:
    """The arguments of the plug-in. If its name is a file of the workdir, use that file, even if it
    is not executable. Raises UsageError for an invalid text."""
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise UsageError("--probes: %r: %s" % (text, error))
    if not words:
        raise UsageError("--probes: an empty name")
    path = os.path.join(workdir, words[0])
    if os.path.isfile(path):
        if not os.access(path, os.X_OK):
            try:
                os.chmod(path, os.stat(path).st_mode | 0o100)
            except OSError:  # another user's file: the probe's result reports that it cannot run
                pass
        words[0] = path
    return words


def judge(name: str, ran: process.Result) -> ProbeResult:
    """State, text and perfdata by the plug-in API: 0 is OK, 1 WARNING, 2 CRITICAL, any other code
    UNKNOWN. A probe that cannot start is CRITICAL; otherwise a misspelt name would disable a
    check."""
    if ran.timed_out:
        return ProbeResult(
            name, "UNKNOWN", "no answer within %.0f s" % ran.seconds, ran.seconds, {}
        )
    if ran.exit_code in (process.NOT_FOUND, process.CANNOT_RUN) and not ran.stdout:
        return ProbeResult(
            name,
            "CRITICAL",
            "the probe %s" % (ran.last_lines(1) or "cannot be started"),
            ran.seconds,
            {},
        )
    text, perfdata = parse_output(ran.stdout)
    if not text:
        text = ran.last_lines(1) or "it printed nothing"
    return ProbeResult(name, STATES.get(ran.exit_code, "UNKNOWN"), text, ran.seconds, perfdata)


def parse_output(text: str) -> Tuple[str, Dict[str, str]]:
    """The text of the first line, and the perfdata: after the bar in the first line, and after the
    first bar in the later lines."""
    first, _, rest = text.strip("\n").partition("\n")
    words, _, data = first.partition("|")
    data += " " + rest.partition("|")[2]
    values = {}
    for label, value in _PERFDATA.findall(data):
        if label.startswith("'"):
            label = label[1:-1].replace("''", "'")
        values[label] = value
    return words.strip(), values
