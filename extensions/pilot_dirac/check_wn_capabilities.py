"""CheckWNCapabilities: processors, memory and GPUs of this slot, from DIRAC and from the node
itself."""

from typing import Dict, Optional

from pilot.facts import WorkerNode
from pilot.node import features

from . import parsing
from .check_ce_capabilities import CheckCECapabilities
from .options import pick_options

PROGRAM = "dirac-wms-get-wn-parameters"
DEFAULTS = "/Resources/Computing/CEDefaults/"


class CheckWNCapabilities(CheckCECapabilities):
    """Ask DIRAC for processors, memory and GPUs; the node's own counts bound the answer."""

    name = "CheckWNCapabilities"
    options = CheckCECapabilities.options + pick_options(
        "pilot_processors", "max_number_of_processors"
    )

    def execute(self) -> None:
        output = self.run_program([PROGRAM] + self.place_words() + ["-d"]).stdout
        counts = parsing.last_counts(output)
        if counts is None:
            raise self.failure(
                "%s gave no line with numbers; its last line: %s"
                % (PROGRAM, parsing.last_line(output))
            )
        node = self.pp.context.find(WorkerNode)
        pp = self.pp
        pp.pilotProcessors = self._count_processors(counts[0], node)
        self.write_options(
            dict(
                self._bound_memory(counts[1], node),
                **self._count_gpus(counts[2], node),
                **{
                    # DIRAC's CE class reads CEDefaults first and LocalSite last
                    DEFAULTS + "NumberOfProcessors": str(pp.pilotProcessors),
                    "/LocalSite/NumberOfProcessors": str(pp.pilotProcessors),
                    DEFAULTS + "Tag": ", ".join(pp.tags),
                    DEFAULTS + "RequiredTag": ", ".join(pp.reqtags),
                },
            )
        )

    def _count_processors(self, reported: int, node: Optional[WorkerNode]) -> int:
        """The smallest of the counts that DIRAC, the slot and the operator report."""
        pp = self.pp
        slot = node.cores if node else features.cores(features.find(pp.context.environ))
        says = {"DIRAC": reported, "the slot": slot or 0,
                "--pilotProcessors": pp.context.settings["pilot_processors"] or 0}
        count = min((count for count in says.values() if count), default=1)
        if pp.maxNumberOfProcessors:
            count = min(count, pp.maxNumberOfProcessors)
        if count < reported:
            self.log.warn(
                "%d processors: %s",
                count,
                ", ".join("%s says %d" % pair for pair in says.items() if pair[1]),
            )
        return int(count)

    def _bound_memory(self, reported: int, node: Optional[WorkerNode]) -> Dict[str, str]:
        mb = self.pp.queueParameters.get("MaxRAM") or reported or (node.memory_mb if node else 0)
        known = [int(text) for text in (str(mb or ""), str(node.memory_mb if node else ""))
                 if text.isdecimal() and int(text)]
        values = {DEFAULTS + "MaxRAM": str(mb)} if mb else {}
        # what a job may use, which the slot may limit below the queue's number (DIRAC #8232, #8519)
        return dict(values, **({DEFAULTS + "MemoryLimitMB": str(min(known))} if known else {}))

    def _count_gpus(self, reported: int, node: Optional[WorkerNode]) -> Dict[str, str]:
        # the tag GPU is the configuration's or the operator's: with it jobs for GPUs come
        count = reported or (len(node.gpus) if node else 0)
        return {DEFAULTS + "NumberOfGPUs": str(count)} if count else {}
