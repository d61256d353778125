"""The agent's orders, as LaunchAgent writes them into a file and the agent reads them."""

import json
from typing import Any, Dict, List, NamedTuple, Optional

from pilot.base.shared_defaults import GRACE_S

# where the agent finds the URL of its pool, beside the variables of its token
POOL_VARIABLE = "PILOT_POOL"


class AgentConfig(NamedTuple):
    """All that an agent must know. `ends` maps a source to the seconds it leaves; None: no limit
    known."""

    pilot: str
    workdir: str
    output_dir: str
    environ: Dict[str, str]
    slots: int = 1
    cores: int = 1
    memory_mb: Optional[int] = None
    gpus: List[str] = []
    tags: List[str] = []
    lease_s: float = 300.0
    idle_s: float = 0.0
    wait_for_retries: bool = False
    max_tasks: Optional[int] = None
    ends: Dict[str, float] = {}
    features: List[Optional[str]] = [None, None]
    spot: str = "none"
    refresh_s: float = 15.0  # between two looks at the ends that may move
    drain_files: List[str] = []
    isolation: str = "none"
    containers: bool = False
    stop_grace_s: float = GRACE_S
    transfer_timeout_s: float = 3600.0
    keep: str = "failed"
    max_quick_failures: int = 0
    # this batch system sends its warnings to every process of a job
    drains_reach_payloads: bool = False
    payload_user: str = ""  # as whom payloads run, where that is not the pilot's own user
    payload_ids: List[int] = []  # its uid, gid and further groups
    hidden: List[str] = []  # files that walls keep from payloads
    # of the payloads' owner: [host glob, token file], the first that matches
    transfer_tokens: List[List[str]] = []
    transfer_proxy: str = ""  # of the payloads' owner
    min_task_s: float = 0.0  # time that a task without walltime_s needs at least
    min_disk_mb: float = 0.0  # free in the workdir before each payload


def dump_config(config: AgentConfig) -> str:
    """As JSON."""
    return json.dumps(config._asdict())


def load_config(text: str) -> AgentConfig:
    """From JSON; TypeError or ValueError when it is not what `dump` wrote."""
    values: Dict[str, Any] = json.loads(text)
    return AgentConfig(**values)
