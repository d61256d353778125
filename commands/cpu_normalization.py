"""CPUNormalization: the CPU power of this slot by the DB12 benchmark."""

import json
import os
import socket
import sys
import tempfile
import time
from typing import Any, Dict, List, Optional, Tuple

from pilot import process, values
from pilot.command import Command, Option
from pilot.context import Context
from pilot.errors import ConfigurationFailed, NodeUnfit
from pilot.facts import CPUPower, WorkerNode
from pilot.node import db12, hardware

CACHE_DAYS = 7


class CPUNormalization(Command):
    """Measure the CPU power of this slot: one DB12 copy per core at once, the slowest counts."""

    name = "CPUNormalization"
    options = (
        Option("fast", "a short measurement that is only approximate", values.boolean, False),
        Option("cpu_power", "do not measure: the power is this", float),
        Option("cpu_copies", "copies to run at once (default: one per core)", values.count),
        Option("cpu_bounds", "scores below and above are implausible", values.words, ("1", "150")),
        Option("cpu_correction", "divide the score by this", float, 1.0),
        Option("cpu_cache", "a file that keeps the score for this node, or off (default: in the temporary folder)"),
    )
    requires = (WorkerNode,)
    provides = (CPUPower,)
    timeout_s = 900.0
    failure = NodeUnfit

    @classmethod
    def check(cls, settings: Any) -> List[str]:
        """Two bounds in order, and a correction above 0."""
        problems = [] if _bounds(settings["cpu_bounds"]) else ["--cpu-bounds takes two numbers, the lower first: 1,150"]
        return problems + ([] if settings["cpu_correction"] > 0 else ["--cpu-correction must be above 0"])

    def run(self, ctx: Context) -> Tuple[object, ...]:
        settings, node = ctx.settings, ctx.get(WorkerNode)
        if settings["cpu_power"] is not None:
            return (CPUPower(settings["cpu_power"], (), 0, True, False),)
        copies = settings["cpu_copies"] or node.cores
        cache = Cache(settings["cpu_cache"], identity(node.cpu_model, copies, settings["fast"]), ctx.environ)
        scores, cached = cache.read(), True
        if not scores:
            scores, cached = self._measure(ctx, copies), False
            cache.write(scores)
        power = round(min(scores) / settings["cpu_correction"], 1)
        about = "about " if settings["fast"] else ""
        self.log.info("CPU power %s%.1f (DB12, %d %s at once%s)", about, power, copies, "copies" if copies > 1 else "copy",
                      ", measured before" if cached else "")
        return (CPUPower(power, tuple(round(s, 1) for s in scores), copies, bool(settings["fast"]), cached),)

    def _measure(self, ctx: Context, copies: int) -> Tuple[float, ...]:
        lower, upper = _bounds(ctx.settings["cpu_bounds"]) or (0.0, 0.0)
        part = db12.FAST if ctx.settings["fast"] else 1.0
        if not ctx.settings["fast"]:
            self.log.info("measuring the CPU, which takes some seconds (--fast for an estimate)")
        limit = ctx.settings["time_limits"].get(self.name, self.timeout_s)
        for attempt in (1, 2):
            try:
                found = db12.measure(copies, part, float(limit)).scores
            except process.ProgramFailed as error:
                raise ConfigurationFailed("the CPU could not be measured: %s" % error)
            if lower <= found[0] <= upper:
                return found
            self.log.warning("a score of %.1f is implausible (bounds %g to %g)", found[0], lower, upper)
        raise NodeUnfit("CPU scores of %.1f, twice: outside the bounds %g to %g (--cpu-bounds)" % (found[0], lower, upper))


def _bounds(words: Tuple[str, ...]) -> Optional[Tuple[float, float]]:
    try:
        lower, upper = (float(word) for word in words)
    except ValueError:
        return None
    return (lower, upper) if 0 <= lower < upper else None


def identity(model: str, copies: int, fast: bool) -> Dict[str, Any]:
    """What a score belongs to: this boot of this host, its processor, our Python, how it was measured."""
    return {"host": socket.gethostname(), "boot": hardware.read_text("/proc/sys/kernel/random/boot_id").strip(),
            "model": model, "python": sys.version.split()[0], "copies": copies, "fast": fast}


class Cache:
    """The score in a file of ours; one that others could have written is not believed."""

    def __init__(self, path: Optional[str], owner: Dict[str, Any], environ: Dict[str, str]) -> None:
        folder = environ.get("TMPDIR") or tempfile.gettempdir()
        self._path = path or os.path.join(folder, "pilot-cpu-power-%d.json" % os.getuid())
        self._owner, self._off = owner, path == "off"

    def read(self) -> Tuple[float, ...]:
        """The scores, or none when there are none for this node, or they are too old."""
        if self._off:
            return ()
        try:
            with open(os.open(self._path, os.O_RDONLY | os.O_NOFOLLOW), encoding="utf-8") as stream:
                state = os.fstat(stream.fileno())
                kept = json.load(stream)
            fresh = 0 <= time.time() - kept["measured"] < CACHE_DAYS * 86400
            mine = state.st_uid == os.getuid() and not state.st_mode & 0o022
            return tuple(float(s) for s in kept["scores"]) if fresh and mine and kept["owner"] == self._owner else ()
        except (OSError, ValueError, KeyError, TypeError):
            return ()

    def write(self, scores: Tuple[float, ...]) -> None:
        """Keep the scores; where that cannot be, the next pilot measures again."""
        if self._off:
            return
        partial = "%s.part-%d" % (self._path, os.getpid())
        try:
            with open(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600), "w") as stream:
                json.dump({"owner": self._owner, "scores": scores, "measured": time.time()}, stream)
            os.replace(partial, self._path)
        except OSError:
            pass
