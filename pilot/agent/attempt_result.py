"""What the agent reports of one attempt at a task: exit code, times, memory, output tails,
files."""

import time
from typing import Dict, List, Optional

from pilot.agent.loop import ChildExit
from pilot.agent.sandbox import Sandbox
from pilot.agent.watch import Watch


class AttemptResult:
    """Collects the result while the attempt runs."""

    def __init__(self) -> None:
        self.began = time.monotonic()
        self.exited: Optional[ChildExit] = None  # of the payload itself
        self.files: List[Dict[str, object]] = []  # that were transferred

    def describe(self, watch: Watch, sandbox: Optional[Sandbox]) -> Dict[str, object]:
        """The fields of the result. CPU seconds to 1 ms, memory in MB to 0.1."""
        result: Dict[str, object] = {}
        if self.files:
            result["files"] = self.files
        if self.exited is not None and sandbox is not None:
            peak_mb = max(self.exited.max_rss_mb, watch.peak_mb)
            result.update(
                exit_code=self.exited.code,
                cpu_s=round(self.exited.cpu_s, 3),
                seconds=round(time.monotonic() - watch.began, 3),
                max_rss_mb=round(peak_mb, 1) or None,
                **sandbox.tails(),
            )
        return result
