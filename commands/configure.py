"""Configure: writes the agent's configuration file from facts and settings."""

import json
import os
import shlex
from typing import Dict, Tuple

from pilot import values
from pilot.command import Command, Option
from pilot.context import Context
from pilot.errors import ConfigurationFailed
from pilot.facts import Configuration, Installation, WorkerNode
from pilot.engine.report import jsonable

FILE = "pilot-agent.json"
FORMATS = ("json", "env", "ini")


class Configure(Command):
    """Write the agent's configuration file: what the node is, where the software lies, settings."""

    name = "Configure"
    options: Tuple[Option, ...] = (
        Option(
            "agent_config",
            "the file, as JSON, *.env (shell variables) or *.ini (default: pilot-agent.json in the workdir)",
        ),
        Option(
            "set", "a further value for the agent: NAME=VALUE", values.assignment, (), repeat=True
        ),
    )
    requires = (WorkerNode,)
    provides = (Configuration,)
    timeout_s = 60.0
    failure = ConfigurationFailed

    def run(self, ctx: Context) -> Tuple[object, ...]:
        gathered = gather_values(ctx)
        path = os.path.join(ctx.workdir, ctx.settings["agent_config"] or FILE)
        kind = os.path.splitext(path)[1].lstrip(".")
        try:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with open(descriptor, "w", encoding="utf-8", errors="surrogateescape") as stream:
                stream.write(render_file(gathered, kind if kind in FORMATS else "json"))
        except OSError as error:
            raise ConfigurationFailed("%s cannot be written: %s" % (path, error.strerror))
        self.log.info("%d values in %s", len(gathered), path)
        return (Configuration(path, gathered),)


def gather_values(ctx: Context) -> Dict[str, object]:
    """Name -> value: the slot's facts, the pilot's paths, and the values of --set (which win)."""
    node, installed, settings = ctx.get(WorkerNode), ctx.find(Installation), ctx.settings
    gathered: Dict[str, object] = {
        "pilot_id": ctx.pilot_id,
        "workdir": ctx.workdir,
        "host": node.host,
        "os": node.os,
        "architecture": node.architecture,
        "platform": "Linux_%s_%s" % (node.architecture, node.libc),
        "cores": node.cores,
        "memory_mb": node.memory_mb,
        "disk_mb": node.disk_mb,
        "gpus": [gpu.device for gpu in node.gpus],
        "cpu_model": node.cpu_model,
        "batch_system": node.batch.system,
        "batch_job": node.batch.job_id,
        "batch_queue": node.batch.queue,
    }
    gathered.update(
        {name: settings[name] for name in ("site", "ce", "queue", "vo", "setup") if settings[name]}
    )
    if installed is not None and installed.path:
        gathered["software"] = installed.path
    gathered.update(dict(settings["set"]))
    return gathered


def render_file(gathered: Dict[str, object], kind: str) -> str:
    """The file's text: JSON; `NAME='value'` lines that a shell can source; or one [pilot]
    section."""
    plain = {name: jsonable(value) for name, value in gathered.items()}
    if kind == "env":
        return "".join(
            "%s=%s\n" % (_variable_name(name), shlex.quote(_value_text(value)))
            for name, value in plain.items()
        )
    if kind == "ini":
        return "[pilot]\n" + "".join(
            "%s = %s\n" % (name, _value_text(value).replace("\n", "\n    "))
            for name, value in plain.items()
        )
    return json.dumps(plain, indent=1) + "\n"


def _variable_name(name: str) -> str:
    return "".join(letter if letter.isalnum() else "_" for letter in name).upper()


def _value_text(value: object) -> str:
    return ",".join(str(item) for item in value) if isinstance(value, list) else str(value)
