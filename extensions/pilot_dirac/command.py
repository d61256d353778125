"""The base class of DIRAC's commands; communities' modules import it as CommandBase."""

import atexit
import logging
import os
import shlex
import signal
import threading
import time
from contextlib import contextmanager
from typing import Any, Callable, Dict, Iterator, List, Optional, Sequence, Tuple, Union

from pilot.base import process, process_tree
from pilot.command import Command
from pilot.context import Context
from pilot.errors import Skip

from . import certificates, cfg as cfg_file, params, release
from .configure_words import read_words
from .log import OUT, Logger, to_out_file
from .module_environ import settle_changes
from .options import pick_options, setting_value
from .plan_changes import refuse_removed, run_added

OUTPUT_BYTES = 1 << 20
USE_CERTIFICATE = "/DIRAC/Security/UseServerCertificate"
TELL_S = 60.0


class DiracCommand(Command):
    """A step of DIRAC's pilot. `execute` does the work with the parameters `self.pp`; `self.cfg`
    collects words for dirac-configure."""

    options = pick_options("program_timeout_s")
    timeout_s = 1800.0
    needs_certificates = True
    # DIRAC's logger has `warn` and takes any words: it cannot be a logging.Logger, as the base has
    log: Any
    pp: params.PilotParams

    def __init__(self, pilotParams: Optional[params.PilotParams] = None, *_more: object) -> None:
        super().__init__()
        self.log = Logger(self.name or type(self).__name__)
        if pilotParams is not None:  # else `run` makes them
            self.pp = pilotParams
        self.cfg: List[str] = []
        self.found: Tuple[object, ...] = ()

    def run(self, ctx: Context) -> Tuple[object, ...]:
        self.pp = begin_command(ctx, self.needs_certificates)
        refuse_removed(self.pp, self.name)
        perform_step(self.pp, self, self.execute)
        for fact in self.found:  # for the commands that a module has added after this one
            ctx.add(fact)
        run_added(self.pp, self.name)
        return self.found

    def execute(self) -> object:
        """Do the step."""
        raise NotImplementedError(type(self).__name__ + ".execute")

    @property
    def debugFlag(self) -> bool:
        """Whether --debug was given."""
        return bool(self.pp.debugFlag)

    @property
    def releaseVersion(self) -> str:
        """The release that the settings name, as pip writes it: 9.1.22."""
        return release.dotted_version(str(self.pp.releaseVersion))

    def limit_s(self) -> float:
        """The time limit of one program, in seconds."""
        return float(setting_value(self.pp.context.settings, "program_timeout_s"))

    def run_program(
        self,
        argv: Sequence[str],
        ok: Optional[Sequence[int]] = (0,),
        environ: Optional[Dict[str, str]] = None,
        timeout_s: Optional[float] = None,
        logged: bool = True,
    ) -> process.Result:
        """Run a program of DIRAC in DIRAC's environment and log its lines. Raises
        process.ProgramFailed, as process.run does."""
        text = " ".join(shlex.quote(word) for word in argv)
        if logged:
            self.log.info("running %s", text)
        environ = self.program_environ(environ)
        if type(self).executeAndGetOutput is not DiracCommand.executeAndGetOutput:
            done = self._run_by_module(tuple(argv), text, environ)
        else:
            done = self._run_once(argv, environ, timeout_s or self.limit_s())
        if done.timed_out and timeout_s is None:
            self.log.warn("%s; once more", done.describe_end())
            done = self._run_once(argv, environ, self.limit_s())
        if ok is not None and (done.timed_out or done.exit_code not in ok):
            raise process.ProgramFailed(done)
        return done

    def _run_by_module(
        self, argv: Tuple[str, ...], text: str, environ: Dict[str, str]
    ) -> process.Result:
        """A community's executeAndGetOutput runs the programs of the commands that it extends."""
        began = time.monotonic()
        code, output = self.executeAndGetOutput(text, environ)
        return process.Result(argv, code, output, "", time.monotonic() - began)

    def _run_once(
        self, argv: Sequence[str], environ: Dict[str, str], timeout_s: float
    ) -> process.Result:
        with waiting_told(self.log, argv[0]):
            return process.run(
                argv,
                timeout_s=timeout_s,
                ok=None,
                environ=environ,
                cwd=self.pp.workingDir,
                keep=OUTPUT_BYTES,
                on_line=self._log_line,
                on_error_line=self._log_line,
            )

    def _log_line(self, text: str) -> None:
        logging.getLogger("pilot." + (self.name or type(self).__name__)).info("%s", text)

    def executeAndGetOutput(
        self, cmd: Union[str, Sequence[str]], environDict: Optional[Dict[str, str]] = None
    ) -> Tuple[int, str]:
        """(code, standard output) of a shell command, or of a list of words. The step fails when
        the program exceeds the command's time limit."""
        words = ["bash", "-c", cmd] if isinstance(cmd, str) else list(cmd)
        self.log.info("running %s", " ".join(shlex.quote(word) for word in words))
        limit_s = self.timeout_s or self.limit_s()
        result = self._run_once(words, self.program_environ(environDict), limit_s)
        if result.timed_out:
            raise self.failure(result.describe_end())
        return result.exit_code, result.stdout

    def forkAndExecute(
        self,
        cmd: Union[str, Sequence[str]],
        logFile: str,
        environDict: Optional[Dict[str, str]] = None,
    ) -> int:
        """Start a shell command and append its output to a file; returns its pid. The command and
        its children end with the pilot."""
        words = ["bash", "-c", cmd] if isinstance(cmd, str) else list(cmd)
        with open(os.path.join(self.pp.workingDir, logFile), "ab") as out:
            child = process.spawn(
                words,
                stdout=out,
                stderr=out,
                cwd=self.pp.workingDir,
                preexec_fn=process.dies_with_us(),
                env=self.program_environ(environDict),
            )
        # the closure refers to the child: Popen warns when it is collected while the child runs
        atexit.register(lambda: process_tree.send_group(child.pid, signal.SIGKILL))
        return child.pid

    def program_environ(self, given: Optional[Dict[str, str]] = None) -> Dict[str, str]:
        """The environment of a program: the given one, else DIRAC's environment with what a running
        module has changed in it."""
        if given is not None:
            return dict(given)
        settle_changes(self.pp)
        return dict(self.pp.installEnv)

    def exitWithError(self, errorCode: int) -> None:
        """End the pilot: code 0 is a success, any other code is a failure of this command. The
        error message contains the code; the pilot's own exit code is that of the failure."""
        raise Ended(errorCode)

    def server_words(self) -> List[str]:
        """Words with which a program of DIRAC finds servers and certificates."""
        words = (
            ["-o", USE_CERTIFICATE + "=yes"]
            if self.pp.useServerCertificate
            else []
        )
        there = os.path.exists(os.path.join(self.pp.workingDir, self.pp.localConfigFile))
        return words + (["--cfg", self.pp.localConfigFile] if there else [])

    def write_options(self, values: Dict[str, str]) -> None:
        """Set values, and those of -o in `self.cfg`, in pilot.cfg. dirac-configure is started for
        other words in `self.cfg` alone."""
        path = os.path.join(self.pp.workingDir, self.pp.localConfigFile)
        try:
            more, words = read_words(self.cfg, self.pp.localConfigFile)
            values = dict(values, **more)
            cfg_file.update_file(path, {name: text for name, text in values.items() if text})
        except (OSError, ValueError) as error:
            raise self.failure("%s cannot be changed: %s" % (path, error))
        if words:
            self.run_program([self.pp.configureScript, "-FDMH"] + words + ["-O", path])
        for name, text in values.items():
            self.log.debug("%s = %s", name, text)


@contextmanager
def waiting_told(log: Any, what: str, each_s: float = TELL_S) -> Iterator[None]:
    """Inside, a line of the log says each minute for how long a program has been running."""
    began, ended = time.monotonic(), threading.Event()

    def tell() -> None:
        while not ended.wait(each_s):
            log.info("%s has been running for %.0f s", what, time.monotonic() - began)

    teller = threading.Thread(target=tell, daemon=True)
    teller.start()
    try:
        yield
    finally:
        ended.set()
        teller.join()


class Ended(SystemExit):
    """exitWithError: as with sys.exit, `except Exception` does not catch it."""


def begin_command(ctx: Context, needs_certificates: bool = True) -> params.PilotParams:
    """The parameters; Skip when an earlier command ended the pilot."""
    pp = params.params_of(ctx)
    to_out_file(ctx.path(OUT), ctx.masker)
    if pp.ended:
        raise Skip("%s has ended the pilot, well" % pp.ended)
    if needs_certificates and not pp.has_certificates:
        pp.has_certificates = True
        found = certificates.find_environment(pp, pp.log)
        if pp.useServerCertificate:
            found["X509_USER_PROXY"] = pp.certsLocation
        # of the node, too: what DIRAC's script finds set it does not point to its own folders
        for environ in (pp.installEnv, ctx.environ):
            environ.update(found)
    return pp


def perform_step(pp: params.PilotParams, command: Command, step: Callable[[], object]) -> None:
    """Do a step. sys.exit(0) in the step skips the later commands; sys.exit with any other code is
    a failure of this command."""
    try:
        step()
    except SystemExit as end:
        if end.code:
            raise command.failure(
                "%s ended the pilot with code %s; the log contains the reason"
                % (command.name, end.code)
            )
        pp.ended = command.name
