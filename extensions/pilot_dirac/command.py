"""What DIRAC's commands have in common; communities' modules know it as CommandBase."""

import atexit
import logging
import os
import shlex
import signal
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple, Union

from pilot.base import process, process_tree
from pilot.command import Command
from pilot.context import Context
from pilot.errors import Skip

from . import certificates, cfg as cfg_file, params
from .log import OUT, Logger, to_out_file
from .options import pick_options, setting_value

KEEP = 1 << 20


class DiracCommand(Command):
    """A step of DIRAC's pilot: `execute` does it, with the parameters `self.pp`; `self.cfg` gathers
    words for dirac-configure."""

    options = pick_options("program_timeout_s")
    timeout_s = 1800.0
    needs_certificates = True
    log: Any

    def __init__(self, pilotParams: Optional[params.PilotParams] = None, *_more: Any) -> None:
        super().__init__()
        self.log = Logger(self.name or type(self).__name__)
        self.pp: Any = pilotParams
        self.cfg: List[str] = []
        self.found: Tuple[object, ...] = ()

    def run(self, ctx: Context) -> Tuple[object, ...]:
        self.pp = begin_command(ctx, self.needs_certificates)
        perform_step(self.pp, self, self.execute)
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
        return float(setting_value(self.pp.context.settings, "program_timeout_s"))

    def program(
        self,
        argv: Sequence[str],
        ok: Optional[Sequence[int]] = (0,),
        environ: Optional[Dict[str, str]] = None,
        timeout_s: Optional[float] = None,
        told: bool = True,
    ) -> process.Result:
        """Run a program of DIRAC in its environment, its lines logged. process.ProgramFailed as
        process.run."""
        if told:
            self.log.info("running %s", " ".join(shlex.quote(word) for word in argv))
        found = dict(self.pp.installEnv if environ is None else environ)
        return process.run(
            argv,
            timeout_s=timeout_s or self.limit_s(),
            ok=ok,
            environ=found,
            cwd=self.pp.workingDir,
            keep=KEEP,
            on_line=self._line,
            on_error_line=self._line,
        )

    def _line(self, text: str) -> None:
        logging.getLogger("pilot." + (self.name or type(self).__name__)).info("%s", text)

    def executeAndGetOutput(
        self, cmd: Union[str, Sequence[str]], environDict: Optional[Dict[str, str]] = None
    ) -> Tuple[int, str]:
        """(code, standard output) of a shell command, or of a list of words; one over the command's
        limit fails the step."""
        words = ["bash", "-c", cmd] if isinstance(cmd, str) else list(cmd)
        result = self.program(words, None, self._environ(environDict), self.timeout_s)
        if result.timed_out:
            raise self.failure(result.describe_end())
        return result.exit_code, result.stdout

    def forkAndExecute(
        self,
        cmd: Union[str, Sequence[str]],
        logFile: str,
        environDict: Optional[Dict[str, str]] = None,
    ) -> int:
        """Start a shell command, its output appended to a file; returns its pid. All of it ends
        with the pilot."""
        words = ["bash", "-c", cmd] if isinstance(cmd, str) else list(cmd)
        with open(os.path.join(self.pp.workingDir, logFile), "ab") as out:
            child = process.spawn(
                words,
                stdout=out,
                stderr=out,
                cwd=self.pp.workingDir,
                preexec_fn=process.dies_with_us(),
                env=self._environ(environDict),
            )
        atexit.register(_kill_child, child)
        return child.pid

    def _environ(self, given: Optional[Dict[str, str]]) -> Dict[str, str]:
        """What a module's program finds: what it was given, else DIRAC's environment and what was
        done to os.environ."""
        if given is not None:
            return dict(given)
        before = self.pp.began_with
        return dict(
            self.pp.installEnv,
            **{name: text for name, text in os.environ.items() if before.get(name) != text},
        )

    def exitWithError(self, errorCode: int) -> None:
        """End the pilot: code 0 well, any other as this command fails. The code itself is told, and
        is not the pilot's."""
        raise Ended(errorCode)

    def server_words(self) -> List[str]:
        """Words by which a program of DIRAC finds servers and certificates."""
        words = (
            ["-o", "/DIRAC/Security/UseServerCertificate=yes"]
            if self.pp.useServerCertificate
            else []
        )
        there = os.path.exists(os.path.join(self.pp.workingDir, self.pp.localConfigFile))
        return words + (["--cfg", self.pp.localConfigFile] if there else [])

    def configure(self, values: Dict[str, str]) -> None:
        """Set values in pilot.cfg, as dirac-configure would, without starting it."""
        path = os.path.join(self.pp.workingDir, self.pp.localConfigFile)
        try:
            cfg_file.update_file(path, {name: text for name, text in values.items() if text})
        except (OSError, ValueError) as error:
            raise self.failure("%s cannot be changed: %s" % (path, error))
        for name, text in values.items():
            self.log.debug("%s = %s", name, text)


class Ended(SystemExit):
    """exitWithError: like sys.exit, no handler of Exceptions stops it."""


def begin_command(ctx: Context, needs_certificates: bool = True) -> params.PilotParams:
    """The parameters; Skip when a command before ended the pilot."""
    pp = params.params_of(ctx)
    to_out_file(ctx.path(OUT), ctx.masker)
    if pp.ended:
        raise Skip("%s has ended the pilot, well" % pp.ended)
    if needs_certificates and not pp.has_certificates:
        pp.has_certificates = True
        pp.installEnv.update(certificates.find_environment(pp, pp.log))
    return pp


def perform_step(pp: params.PilotParams, command: Command, step: Callable[[], Any]) -> None:
    """Do a step. sys.exit(0) in it ends the pilot well, after it; sys.exit of anything else is the
    command's failure."""
    try:
        step()
    except SystemExit as end:
        if end.code:
            raise command.failure(
                "%s ended the pilot with code %s; what led to it is in the log"
                % (command.name, end.code)
            )
        pp.ended = command.name


def _kill_child(child: Any) -> None:
    process_tree.send_group(child.pid, signal.SIGKILL)
