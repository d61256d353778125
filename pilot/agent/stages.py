"""What to start for each stage of a task: files in, the payload itself, files out."""

import json
import os
from typing import Any, Dict, List, NamedTuple, Optional

from pilot import program
from pilot.agent import environment, isolation
from pilot.agent.config import AgentConfig
from pilot.agent.sandbox import Sandbox, folder_name, tail
from pilot.pool.interface import Lease

STAGE_IN, RUN, STAGE_OUT = "stage-in", "run", "stage-out"


class Start(NamedTuple):
    """A child to start: its arguments, environment, folder, time limit and output descriptors."""

    argv: List[str]
    environ: Dict[str, str]
    cwd: str
    timeout_s: Optional[float]
    stdout: int
    stderr: int


class Place(NamedTuple):
    """Where and for whom a task runs."""

    lease: Lease
    sandbox: Sandbox
    config: AgentConfig
    gpus: List[str]
    mark: str


def first(spec: Dict[str, Any]) -> str:
    """The stage a task begins with."""
    return STAGE_IN if spec.get("inputs") else RUN


def after(stage: str, spec: Dict[str, Any]) -> Optional[str]:
    """The stage that follows a good end of this one; None when that was the last."""
    if stage == STAGE_IN:
        return RUN
    return STAGE_OUT if stage == RUN and spec.get("outputs") else None


def of_payload(place: Place, which: isolation.Which) -> Start:
    """The payload itself. OSError when its files cannot be made."""
    spec, box, config = place.lease.spec, place.sandbox, place.config
    argv = isolation.wrap(box.argv(spec), config.isolation, spec.get("container"), box.home, which)
    environ = environment.of_task(config.environ, spec, box.home, config.pilot, place.gpus, place.mark)
    out, err = box.open_streams()
    return Start(argv, environ, box.work, spec.get("walltime_s"), out, err)


def of_transfer(place: Place, stage: str) -> Start:
    """The child that moves files. OSError when its order cannot be written."""
    config, home = place.config, place.sandbox.home
    order = os.path.join(home, stage + ".json")
    with open(order, "w") as stream:
        json.dump({
            "direction": stage, "files": place.lease.spec["inputs" if stage == STAGE_IN else "outputs"],
            "folder": place.sandbox.work, "answer": os.path.join(home, stage + ".answer"),
            "default": os.path.join(config.output_dir, folder_name(place.lease.task, place.lease.generation))}, stream)
    log = os.open(os.path.join(home, stage + ".log"), os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
    environ = dict(config.environ, **{environment.MARK: place.mark})
    argv = program.start_argv("pilot.agent.transfer", config.workdir) + [order]
    return Start(argv, environ, home, config.transfer_timeout_s, log, os.dup(log))


def transfer_answer(box: Sandbox, stage: str) -> Dict[str, Any]:
    """What a transfer said: {"files": [...], "problem": sentence}; its log's last line stands in for a lost answer."""
    try:
        with open(os.path.join(box.home, stage + ".answer")) as stream:
            answer: Dict[str, Any] = json.load(stream)
            return answer
    except (OSError, ValueError):
        last = tail(os.path.join(box.home, stage + ".log"), 1024).strip().split("\n")[-1]
        return {"files": [], "problem": last or "it was killed"}
