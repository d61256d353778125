"""Calls the commands of a batch system: with an environment that changes no formats, and with a time
limit."""

import os
from typing import Dict, List, Optional, Sequence

from pilot.base import process
from pilot.errors import StepFailed
from pilot.ops.factory.interruption import Interrupted, interruptible
from pilot.ops.factory.jobs import MayHaveHappened, NoAnswer, SubmissionRefused, TooMany

ASK_S = 120.0
SUBMIT_S = 300.0
MOST_BYTES = 64 << 20  # of an answer
# variables that change what a batch system's commands print or ask for
_DROPPED = ("SQUEUE_", "SACCT_", "SBATCH_", "SCANCEL_", "SLURM_TIME_FORMAT", "SGE_QSTAT", "LC_", "LANG")


def bare_environment(environ: Dict[str, str]) -> Dict[str, str]:
    """The environment without those variables, in the C locale and in UTC."""
    kept = {name: text for name, text in environ.items() if not name.startswith(_DROPPED)}
    return dict(kept, LC_ALL="C", TZ="UTC")


def ask_command(argv: Sequence[str], environ: Dict[str, str], cwd: Optional[str] = None) -> str:
    """What a command prints. Raises NoAnswer when it fails, or does not end in time."""
    try:
        with interruptible():
            done = process.run(
                argv, timeout_s=ASK_S, ok=None, environ=environ, keep=MOST_BYTES, cwd=cwd
            )
    except (OSError, StepFailed, Interrupted) as error:
        raise NoAnswer("%s: %s" % (argv[0], error))
    if done.timed_out or done.exit_code or done.dropped_bytes:
        raise NoAnswer(done.describe_end())
    return done.stdout


def run_submit(
    argv: Sequence[str], environ: Dict[str, str], folder: str
) -> process.Result:
    """Run a submit command in this folder. Raises MayHaveHappened if it was stopped or killed."""
    try:
        with interruptible():
            done = process.run(argv, timeout_s=SUBMIT_S, ok=None, environ=environ, cwd=folder)
    except (OSError, StepFailed, Interrupted) as error:
        raise MayHaveHappened("%s: %s" % (argv[0], error))
    if done.timed_out or done.exit_code < 0:
        raise MayHaveHappened(done.describe_end())
    return done


def refuse_failed(
    done: process.Result, too_many: Sequence[str], unheard: Sequence[str]
) -> None:
    """Raise what a submit command's failure means: TooMany or MayHaveHappened if it says one of
    these texts, SubmissionRefused otherwise."""
    if not done.exit_code:
        return
    words = done.last_lines()
    if any(text in words for text in too_many):
        raise TooMany(words)
    if not words or any(text in words for text in unheard):
        raise MayHaveHappened(words or done.describe_end())
    raise SubmissionRefused(words)


def existing(folder: str, names: Sequence[str]) -> List[str]:
    """Those of the files that exist, as paths."""
    return [path for path in (os.path.join(folder, name) for name in names) if os.path.exists(path)]
