"""Runs one command alone in a test: from settings and facts to outcome and facts."""

import os
from typing import Any, Dict, Iterable, List, NamedTuple, Optional, Type, TypeVar

from pilot.engine.cli import ENGINE_OPTIONS
from pilot.command import Command
from pilot.context import Context
from pilot.errors import UsageError
from pilot.events.event import Event
from pilot.events.stream import Stream
from pilot.facts import BatchJob, WorkerNode
from pilot.base.interrupts import Interrupts
from pilot.base.log import Masker
from pilot.engine.registry import all_options
from pilot.engine.report import CommandOutcome
from pilot.engine.runner import DEFAULT_LIMIT_S, run_command as run_one
from pilot.engine.settings import Layer, resolve

Kind = TypeVar("Kind")


class Trial(NamedTuple):
    """How the command ended, the facts it provided, the events it emitted."""

    outcome: CommandOutcome
    context: Context
    events: List[Event]

    def fact(self, kind: Type[Kind]) -> Kind:
        """The fact of this kind; UsageError when there is none."""
        return self.context.get(kind)


def worker_node(**changes: Any) -> WorkerNode:
    """A plain two-core node for commands that need one; `changes` replace fields."""
    node = WorkerNode(
        host="wn1",
        os="Debian 12",
        architecture="x86_64",
        libc="glibc-2.36",
        cores=2,
        memory_mb=4000,
        disk_mb=10000,
        gpus=(),
        cpu_model="EPYC",
        cpu_flags=("avx",),
        container="",
        virtual_machine="",
        user_namespaces=False,
        batch=BatchJob("local", "1"),
    )
    return node._replace(**changes)


def run_command(command: Type[Command], workdir: str, settings: Optional[Dict[str, object]] = None,
                facts: Iterable[object] = (), environ: Optional[Dict[str, str]] = None,
                limit_s: Optional[float] = None) -> Trial:
    """Run `command` in `workdir` with these settings (values or their text) and facts.

    `environ` (default: the caller's) is what children see. Raises UsageError for settings that the
    command does not declare or whose text is bad.
    """
    options, problems = all_options([command], ENGINE_OPTIONS)
    given = settings or {}
    problems += [
        "%s has no option %r" % (command.name, name)
        for name in given
        if name not in {o.name for o in options}
    ]
    resolved, bad = resolve(options, [Layer("test", given)])
    if problems or bad:
        raise UsageError(*(problems + bad))
    told_events: List[Event] = []
    masker = Masker()
    for secret in resolved.secrets():
        masker.add(secret)
    stream = Stream("test-pilot", masker)
    stream.attach_sink(told_events.append)
    ctx = Context(
        resolved,
        dict(os.environ) if environ is None else environ,
        str(workdir),
        "test-pilot",
        stream,
        Interrupts(),
        masker,
    )
    for fact in facts:
        ctx.add(fact)
    outcome = run_one(command, ctx, limit_s or command.timeout_s or DEFAULT_LIMIT_S)
    return Trial(outcome, ctx, told_events)
