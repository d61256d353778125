"""The options of the built-in agent, and the checks of their values before anything runs."""

import os
from typing import List, Tuple

from pilot import values
from pilot.command import Option
from pilot.errors import UsageError
from pilot.base.shared_defaults import GRACE_S, ISOLATION_WAYS, LEASE_S, SPOT_CLOUDS
from pilot.engine.settings import Settings

BUILT_IN: Tuple[Option, ...] = (
    Option("slots", "payloads at once (default: one per core)", values.count),
    Option(
        "tags",
        "tags that this pilot offers: it runs only tasks all of whose tags are among them",
        values.words,
        (),
    ),
    Option("lease_s", "seconds for which a lease is valid without a renewal", values.seconds, LEASE_S),
    Option(
        "min_task_s",
        "seconds the slot must still have for a task that does not say how long it takes (walltime_s)",
        values.seconds,
        60.0,
    ),
    Option(
        "idle_s",
        "seconds to wait without work; 0: end when no task can be claimed",
        values.seconds,
        0.0,
    ),
    Option("max_tasks", "the maximum number of tasks to claim", values.count),
    Option(
        "isolation",
        "isolation of payloads: none, auto, bubblewrap, unshare, apptainer",
        values.choice(*ISOLATION_WAYS),
        "none",
    ),
    Option(
        "payload_user",
        "who payloads run as when the pilot is root (default: nobody, where that user can reach the workdir; "
        "root: as the pilot)",
    ),
    Option("stop_grace_s", "seconds from SIGTERM to SIGKILL for a payload", values.seconds, GRACE_S),
    Option(
        "keep_sandboxes",
        "payloads' folders to keep: never, failed, always",
        values.choice("never", "failed", "always"),
        "failed",
    ),
    Option(
        "max_quick_failures",
        "end the pilot as on an unfit node after so many payloads in a row that failed within 30 s "
        "(0: never; default: 20 with --pool)",
        values.count,
    ),
    Option(
        "spot_notices",
        "the cloud whose notices of the end of a spot machine are read: none, ec2, gce, azure",
        values.choice(*SPOT_CLOUDS),
        SPOT_CLOUDS[0],
    ),
    Option(
        "transfer_tokens",
        "HOST=FILE,...: the tokens of the payloads' owner for these hosts (globs)",
        values.pairs,
        {},
    ),
    Option("transfer_proxy", "the X.509 proxy of the payloads' owner, for inputs and outputs"),
    Option("output_dir", "the folder for outputs without a URL (default: outputs in the workdir)"),
)


def find_problems(settings: Settings) -> List[str]:
    """A sentence for each mistake in the options and in the file of tasks."""
    from pilot.agent import owner
    from pilot.pool.open import check_url

    problems = owner.find_problems(settings)
    try:
        check_url(settings["pool"] or "sqlite:x")
    except UsageError as error:
        problems += ["--pool: " + problem for problem in error.problems]
    if settings["slots"] == 0:
        problems.append("--slots must be 1 or more")
    if settings["lease_s"] < 1:
        problems.append("--lease-s must be 1 or more")
    return problems + _task_problems(settings["tasks"] or settings["task"], bool(settings["task"]))


def _task_problems(path: str, alone: bool) -> List[str]:
    if not path:
        return []
    if os.path.exists(path) and not os.path.isfile(path):
        if alone:
            return ["--task %s: is no regular file; it takes a file with one JSON object" % path]
        return [
            "--tasks %s: is no regular file; fill a pool from it: python3 -m pilot.pool add sqlite:FILE -"
            % path
        ]
    from pilot.pool.task import read_file, read_one

    try:
        read_one(path) if alone else read_file(path)
    except UsageError as error:
        return list(error.problems)
    return []
