"""The child process for each stage of a task: copy inputs, run the payload, copy outputs."""

import json
import os
from typing import Any, Dict, List, NamedTuple, Optional

from pilot.base import process
from pilot.engine import program
from pilot.agent import environment, identity, isolation, owner
from pilot.agent.config import AgentConfig
from pilot.agent.sandbox import Sandbox, folder_name, passing_file, read_tail
from pilot.pool.interface import Lease

STAGE_IN, RUN, STAGE_OUT = "stage-in", "run", "stage-out"
MAX_ANSWER = 4 << 20


class Start(NamedTuple):
    """A child to start: its arguments, environment, folder, time limit, and the descriptors that
    the agent closes once the child runs."""

    argv: List[str]
    environ: Dict[bytes, bytes]
    cwd: str
    timeout_s: Optional[float]
    stdin: int
    stdout: int
    stderr: int


class PayloadPlace(NamedTuple):
    """Where a task runs, and whose credentials it uses."""

    lease: Lease
    sandbox: Sandbox
    config: AgentConfig
    gpus: List[str]
    mark: str


class TransferAnswer:
    """The output of a transfer: unnamed files, which no payload can reach."""

    def __init__(self, folder: str) -> None:
        self._said, self._log = passing_file(folder), passing_file(folder)

    def copies(self) -> List[int]:
        """Descriptors for the child's standard output and error."""
        return [os.dup(self._said), os.dup(self._log)]

    def take(self) -> Dict[str, Any]:
        """{"files": [...], "problem": sentence}; the log's last line replaces a malformed answer.
        Call this once."""
        try:
            size = os.fstat(self._said).st_size
            text = (
                os.pread(self._said, MAX_ANSWER, 0).decode("utf-8")
                if 0 < size <= MAX_ANSWER
                else ""
            )
            last = read_tail(self._log, 1024).strip().split("\n")[-1]
        finally:
            os.close(self._said)
            os.close(self._log)
        return checked_answer(text) or {"files": [], "problem": last or "it was killed"}


def checked_answer(text: str) -> Optional[Dict[str, Any]]:
    """A transfer's answer, if it has the right form."""
    try:
        answer = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if (
        not isinstance(answer, dict)
        or set(answer) - {"files", "problem"}
        or not isinstance(answer.get("problem", ""), str)
    ):
        return None
    files = answer.get("files")
    good = isinstance(files, list) and all(
        isinstance(one, dict) and set(one) <= {"name", "size", "sha256", "url"} for one in files
    )
    return answer if good else None


def first_stage(spec: Dict[str, Any]) -> str:
    """The first stage of a task."""
    return STAGE_IN if spec.get("inputs") else RUN


def next_stage(stage: str, spec: Dict[str, Any]) -> Optional[str]:
    """The stage after a successful end of this one; None after the last."""
    if stage == STAGE_IN:
        return RUN
    return STAGE_OUT if stage == RUN and spec.get("outputs") else None


def of_payload(place: PayloadPlace, which: isolation.Which) -> Start:
    """The stage of the payload itself. OSError when its files cannot be made."""
    spec, box, config = place.lease.spec, place.sandbox, place.config
    wall = isolation.Wall(config.isolation, spec.get("container"), tuple(config.hidden))
    argv = isolation.wrap_argv(
        box.argv(spec),
        wall,
        isolation.Folders(box.work, box.tmp, box.script if "script" in spec else ""),
        which,
    )
    environ = environment.of_task(
        config.environ, spec, box.home, config.pilot, place.gpus, place.mark
    )
    environ.update(identity.user_environ(config.payload_user, box.work))
    box.open_streams()
    nothing = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
    return Start(
        argv, process.encoded(environ), box.work, spec.get("walltime_s"), nothing, *box.streams()
    )


def of_transfer(place: PayloadPlace, stage: str, answer: TransferAnswer) -> Start:
    """The child that copies files; it reads its order from standard input. OSError when the order
    cannot be written."""
    config, box = place.config, place.sandbox
    named = owner.of_task(place.lease.spec)
    proxy = named.get(owner.PROXY) or config.transfer_proxy
    order = passing_file(
        config.workdir,
        json.dumps(
            {
                "direction": stage,
                "files": place.lease.spec["inputs" if stage == STAGE_IN else "outputs"],
                "folder": box.work,
                "owner": config.payload_ids[:2],
                "tokens": config.transfer_tokens,
                "proxy": proxy,
                "hidden": config.hidden,
                "default": os.path.join(
                    config.output_dir, folder_name(place.lease.task, place.lease.generation)
                ),
            }
        ),
    )
    out, err = answer.copies()
    environ = dict(config.environ, **dict(named, **{environment.MARK: place.mark}))
    if proxy:
        environ[owner.PROXY] = proxy
    return Start(
        program.start_argv("pilot.agent.transfer", config.workdir),
        process.encoded(environ),
        config.workdir,
        config.transfer_timeout_s,
        order,
        out,
        err,
    )


def close_streams(start: Start) -> None:
    """Close our copies of a child's streams."""
    for descriptor in (start.stdin, start.stdout, start.stderr):
        os.close(descriptor)
