"""The agent's configuration: LaunchAgent writes it into a file and the agent reads it."""

import json
from typing import Any, Dict, List, NamedTuple, Optional

from pilot.base.shared_defaults import GRACE_S

# the variable with the URL of the agent's pool; the token has its own variables
POOL_VARIABLE = "PILOT_POOL"


class AgentConfig(NamedTuple):
    """The whole configuration of an agent. `ends` maps a source to the seconds until that end of
    the slot; None: the source has no limit."""

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
    refresh_s: float = 15.0  # interval at which the agent reads the ends that may move
    drain_files: List[str] = []
    isolation: str = "none"
    containers: bool = False
    stop_grace_s: float = GRACE_S
    transfer_timeout_s: float = 3600.0
    keep: str = "failed"
    max_quick_failures: int = 0
    # this batch system sends its warnings to every process of a job
    drains_reach_payloads: bool = False
    payload_user: str = ""  # user that payloads run as, where it is not the pilot's own user
    payload_ids: List[int] = []  # its uid, gid and further groups
    hidden: List[str] = []  # files that isolation hides from payloads
    # of the payloads' owner: [host glob, token file], the first that matches
    transfer_tokens: List[List[str]] = []
    transfer_proxy: str = ""  # of the payloads' owner
    min_task_s: float = 0.0  # walltime that the agent assumes for a task without walltime_s
    min_disk_mb: float = 0.0  # disk space that must be free in the workdir before each payload


def dump_config(config: AgentConfig) -> str:
    """As JSON."""
    return json.dumps(config._asdict())


def load_config(text: str) -> AgentConfig:
    """Read the JSON that `dump` writes; TypeError or ValueError when it is anything else."""
    values: Dict[str, Any] = json.loads(text)
    return AgentConfig(**values)
