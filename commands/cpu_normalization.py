"""CPUNormalization: the CPU power of this slot by the DB12 benchmark."""

from typing import TYPE_CHECKING, List, Optional, Tuple

from pilot import values
from pilot.command import Command, Option
from pilot.context import Context
from pilot.errors import NodeUnfit, Skip
from pilot.facts import CPUPower, WorkerNode
from pilot.engine.settings import Settings

if TYPE_CHECKING:
    from pilot.node.db12 import Score
    from pilot.node.score_cache import Cache


class CPUNormalization(Command):
    """Measure the CPU power of this slot: one DB12 copy per core at once, the slowest counts."""

    name = "CPUNormalization"
    options: Tuple[Option, ...] = (
        Option("fast", "a short measurement that is only approximate", values.boolean, False),
        Option("cpu_power", "do not measure: the power is this", values.number),
        Option("cpu_copies", "copies to run at once (default: one per core)", values.count),
        Option("cpu_bounds", "scores below and above are implausible", values.words, ("1", "150")),
        Option("cpu_correction", "divide the score by this", values.number, 1.0),
        Option(
            "cpu_score",
            "raw, or corrected as the official DB12 program's default: x 0.86 on Intel, 0.71 on AMD with Python 3.9",
            values.choice("raw", "corrected"),
            "raw",
        ),
        Option(
            "cpu_cache",
            "a file that keeps the score for this node, or off (default: in the temporary folder)",
        ),
    )
    requires: Tuple[type, ...] = (WorkerNode,)
    provides = (CPUPower,)
    uses = ("pilot.node.db12", "pilot.node.score_cache")
    timeout_s = 900.0
    failure = NodeUnfit
    python = ""  # the interpreter that measures; empty: the pilot's own

    @classmethod
    def check(cls, settings: Settings) -> List[str]:
        """Two bounds in order."""
        return (
            []
            if _parse_bounds(settings["cpu_bounds"])
            else ["--cpu-bounds takes two numbers, the lower first: 1,150"]
        )

    def run(self, ctx: Context) -> Tuple[object, ...]:
        settings, node = ctx.settings, ctx.get(WorkerNode)
        if "task" in settings and settings["task"] and settings["cpu_power"] is None:
            raise Skip("one task alone needs no measurement")
        score = self.measured(ctx, settings["cpu_copies"] or node.cores, node.cpu_model)
        if settings["cpu_power"] is not None:
            return (score,)
        score = score._replace(power=round(score.power / settings["cpu_correction"], 1))
        about = "about " if settings["fast"] else ""
        self.log.info(
            "CPU power %s%.1f (DB12, %s, Python %s, copies: %d%s)",
            about,
            score.power,
            score.score,
            score.python,
            score.copies,
            ", measured before" if score.cached else "",
        )
        return (score,)

    def measured(self, ctx: Context, copies: int, cpu_model: str) -> CPUPower:
        """The power from the settings, from an earlier measurement on this node, or measured now;
        not divided by --cpu-correction."""
        settings = ctx.settings
        if settings["cpu_power"] is not None:
            return CPUPower(settings["cpu_power"], (), 0, True, False, "set")
        from pilot.node import db12

        cache = self._open_cache(ctx, copies, cpu_model)
        score = cache.read_score() if cache else None
        cached = score is not None
        if score is None:
            score = self._measure_score(ctx, copies)
            if cache:
                cache.write_score(score)
        factor = db12.factor(score.python, cpu_model) if settings["cpu_score"] != "raw" else None
        if settings["cpu_score"] != "raw" and factor is None:
            self.log.warning(
                "DB12 corrects nothing for Python %s on %r: the score is raw",
                score.python,
                cpu_model,
            )
        return CPUPower(
            score.power * (factor or 1.0),
            tuple(round(s, 1) for s in score.scores),
            copies,
            bool(settings["fast"]),
            cached,
            "corrected" if factor else "raw",
            score.python,
        )

    def _open_cache(self, ctx: Context, copies: int, cpu_model: str) -> "Optional[Cache]":
        """None in a lean file, which measures at each start."""
        try:
            from pilot.node.score_cache import Cache, identity
        except ImportError:
            return None
        which = identity(cpu_model, copies, ctx.settings["fast"], self.python)
        return Cache(ctx.settings["cpu_cache"], which, ctx.environ)

    def _measure_score(self, ctx: Context, copies: int) -> "Score":
        from pilot.node import db12

        lower, upper = _parse_bounds(ctx.settings["cpu_bounds"]) or (0.0, 0.0)
        part = db12.FAST if ctx.settings["fast"] else 1.0
        if not ctx.settings["fast"]:
            self.log.info("measuring the CPU, which takes some seconds (--fast for an estimate)")
        limit = ctx.settings["time_limits"].get(self.name, self.timeout_s)
        for _ in (1, 2):
            measured = db12.measure(copies, part, float(limit), self.python, ctx.environ)
            if lower <= measured.power <= upper:
                return measured
            self.log.warning(
                "a score of %.1f is implausible (bounds %g to %g)", measured.power, lower, upper
            )
        raise NodeUnfit(
            "CPU scores of %.1f, twice: outside the bounds %g to %g (--cpu-bounds)"
            % (measured.power, lower, upper)
        )


def _parse_bounds(words: Tuple[str, ...]) -> Optional[Tuple[float, float]]:
    try:
        lower, upper = (float(word) for word in words)
    except ValueError:
        return None
    return (lower, upper) if 0 <= lower < upper else None
