"""What DIRAC's commands have in common; communities' modules know it as CommandBase."""

import logging
import os
import shlex
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple, Union

from pilot import process
from pilot.command import Command
from pilot.context import Context
from pilot.errors import Skip

from . import cfg as cfg_file, params
from .log import OUT, Logger, to_out_file
from .options import pick, value

KEEP = 1 << 20


class DiracCommand(Command):
    """A step of DIRAC's pilot: `execute` does it, with the parameters `self.pp`; `self.cfg` gathers words for dirac-configure."""

    options = pick("program_timeout_s")
    timeout_s = 1800.0
    log: Any

    def __init__(self, pilotParams: Optional[params.PilotParams] = None, *_more: Any) -> None:
        super().__init__()
        self.log = Logger(self.name or type(self).__name__)
        self.pp: Any = pilotParams
        self.cfg: List[str] = []
        self.found: Tuple[object, ...] = ()

    def run(self, ctx: Context) -> Tuple[object, ...]:
        self.pp = begin(ctx)
        performed(self.pp, self.name, self.execute)
        return self.found

    def execute(self) -> Any:
        """Do the step."""
        raise NotImplementedError(type(self).__name__ + ".execute")

    @property
    def debugFlag(self) -> bool:
        """Whether --debug was given."""
        return bool(self.pp.debugFlag)

    @property
    def releaseVersion(self) -> str:
        """The release that was asked for."""
        return str(self.pp.releaseVersion)

    def limit_s(self) -> float:
        """Seconds that one program may take."""
        return float(value(self.pp.context.settings, "program_timeout_s"))

    def program(self, argv: Sequence[str], ok: Optional[Sequence[int]] = (0,), environ: Optional[Dict[str, str]] = None,
                timeout_s: Optional[float] = None, told: bool = True) -> process.Result:
        """Run a program of DIRAC in its environment, its lines logged. process.ProgramFailed as process.run."""
        if told:
            self.log.info("running %s", " ".join(shlex.quote(word) for word in argv))
        found = dict(self.pp.installEnv if environ is None else environ)
        return process.run(argv, timeout_s=timeout_s or self.limit_s(), ok=ok, environ=found, cwd=self.pp.workingDir, keep=KEEP,
                           on_line=self._line, on_error_line=self._line)

    def _line(self, text: str) -> None:
        logging.getLogger("pilot." + (self.name or type(self).__name__)).info("%s", text)

    def executeAndGetOutput(self, cmd: Union[str, Sequence[str]], environDict: Optional[Dict[str, str]] = None) -> Tuple[int, str]:
        """(code, standard output) of a shell command, or of a list of words; one over the time limit fails the step."""
        words = ["bash", "-c", cmd] if isinstance(cmd, str) else list(cmd)
        result = self.program(words, None, environDict)
        if result.timed_out:
            raise self.failure(result.told())
        return result.exit_code, result.stdout

    def forkAndExecute(self, cmd: Union[str, Sequence[str]], logFile: str, environDict: Optional[Dict[str, str]] = None) -> int:
        """Start a shell command, its output appended to a file; returns its pid. It ends with the pilot."""
        words = ["bash", "-c", cmd] if isinstance(cmd, str) else list(cmd)
        with open(os.path.join(self.pp.workingDir, logFile), "ab") as out:
            return process.spawn(words, stdout=out, stderr=out, cwd=self.pp.workingDir, preexec_fn=process.dies_with_us(),
                                 env=dict(self.pp.installEnv if environDict is None else environDict)).pid

    def exitWithError(self, errorCode: int) -> None:
        """End the pilot: code 0 well, any other as this command fails. The code itself is told, and is not the pilot's."""
        if not errorCode:
            raise SystemExit(0)
        raise self.failure("the program it called ended with code %s; its last lines are in the log" % errorCode)

    def configure(self, values: Dict[str, str]) -> None:
        """Set values in pilot.cfg, as dirac-configure would, without starting it."""
        path = os.path.join(self.pp.workingDir, self.pp.localConfigFile)
        try:
            cfg_file.update(path, {name: text for name, text in values.items() if text})
        except (OSError, ValueError) as error:
            raise self.failure("%s cannot be changed: %s" % (path, error))
        for name, text in values.items():
            self.log.debug("%s = %s", name, text)


def begin(ctx: Context) -> params.PilotParams:
    """The parameters; Skip when a command before ended the pilot."""
    pp = params.of(ctx)
    to_out_file(ctx.path(OUT), ctx.masker)
    if pp.ended:
        raise Skip("%s has ended the pilot, well" % pp.ended)
    return pp


def performed(pp: params.PilotParams, name: str, step: Callable[[], Any]) -> Any:
    """Do a step; sys.exit(0) in it ends the pilot well, after it."""
    try:
        return step()
    except SystemExit as end:
        if end.code:
            raise
        pp.ended = name
    return None
