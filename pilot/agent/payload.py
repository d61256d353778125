"""One attempt at a task: stage in, run, stage out, each a child in its own session; limits; the result."""

import json
import os
import signal
import subprocess
import time
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Tuple

from pilot import process, process_tree, program
from pilot.agent import environment, isolation, limits
from pilot.agent.config import AgentConfig
from pilot.agent.confine import Confinement
from pilot.agent.loop import Exit, Loop, Timer
from pilot.agent.sandbox import Sandbox, folder_name, tail
from pilot.agent.warden import Warden
from pilot.pool.interface import Lease

STAGE_IN, RUN, STAGE_OUT = "stage-in", "run", "stage-out"
SAMPLE_S = 1.0


class Ending(NamedTuple):
    """How an attempt ended: outcome done or error to be reported, released, or lost (nothing to report)."""

    outcome: str
    reason: str
    result: Dict[str, Any]
    seconds: float


class Surroundings(NamedTuple):
    """What every payload of an agent shares."""

    config: AgentConfig
    loop: Loop
    warden: Warden
    confinement: Confinement
    way: str
    which: isolation.Which
    tasks_dir: str


class Payload:
    """Runs one leased task; `over` is called once, when nothing of it is left."""

    def __init__(self, lease: Lease, gpus: List[str], around: Surroundings,
                 over: Callable[["Payload", Ending], None], tell: Callable[..., None]) -> None:
        self.lease, self.gpus, self._around, self._over, self._tell = lease, gpus, around, over, tell
        self.spec = lease.spec
        self.sandbox = Sandbox(os.path.join(around.tasks_dir, folder_name(lease.task, lease.generation)))
        self.mark = "%s/%s.%d" % (around.config.pilot, lease.task, lease.generation)
        self.pid: Optional[int] = None
        self._limits = limits.of(self.spec)
        self._began = time.monotonic()
        self._run_began = self._began
        self._phase = ""
        self._stopped: Optional[Tuple[str, str]] = None  # outcome, reason
        self._timers: List[Timer] = []
        self._run_exit = Exit(0, 0.0, 0.0)
        self._result: Dict[str, Any] = {}
        self._last_output = (0, self._began)
        self._peak_mb = 0.0

    def start(self) -> None:
        """Begin with the first phase it needs. What cannot be started ends at once, with its reason."""
        try:
            self.sandbox.make()
            first = STAGE_IN if self.spec.get("inputs") else RUN
            self._start(first)
        except OSError as error:
            self._end("error", "cannot be started: %s" % error)

    def stop(self, outcome: str, reason: str, grace_s: float) -> None:
        """End it: SIGTERM to the group, SIGKILL after the grace. The first call says why; a later one hurries."""
        if self._stopped is None:
            self._stopped = (outcome, reason)
            self._signal(signal.SIGTERM)
            self._timers.append(self._around.loop.after(grace_s, self._kill))
        elif grace_s <= 0:
            self._kill()

    def _start(self, phase: str) -> None:
        self._phase = phase
        if phase == RUN:
            self._run_began = time.monotonic()
            self._last_output = (0, self._run_began)
        argv, environ, cwd, timeout_s = self._command_of(phase)
        out, err = self._streams_of(phase)
        try:
            child = process.spawn(argv, stdout=out, stderr=err, env=environ, cwd=cwd)
        except FileNotFoundError:
            raise OSError("there is no program %s" % argv[0])
        except PermissionError:
            raise OSError("%s may not be executed" % argv[0])
        finally:
            os.close(out)
            os.close(err)
        self._watch(child, phase, timeout_s)

    def _watch(self, child: "subprocess.Popen[bytes]", phase: str, timeout_s: Optional[float]) -> None:
        self.pid = child.pid
        self._around.warden.began(child.pid)
        self._around.loop.watch_child(child.pid, self._dying, lambda ended: self._dead(child, ended))
        if phase == RUN:
            self._around.confinement.enter(self.mark, child.pid, self._limits.memory_mb)
            self._tell("task started", task=self.lease.task, generation=self.lease.generation, attempt=self.lease.attempt)
            self._timers.append(self._around.loop.after(SAMPLE_S, self._sample))
        if timeout_s is not None:
            reason = "wall time limit passed: allowed %g s" % timeout_s if phase == RUN else "%s took longer than %g s" % (phase, timeout_s)
            self._timers.append(self._around.loop.after(
                timeout_s, lambda: self.stop("error", reason, self._around.config.stop_grace_s)))

    def _command_of(self, phase: str) -> Tuple[List[str], Dict[str, str], str, Optional[float]]:
        config = self._around.config
        if phase != RUN:
            order = os.path.join(self.sandbox.home, phase + ".json")
            with open(order, "w") as stream:
                json.dump(self._transfers(phase), stream)
            argv = program.start_argv("pilot.agent.transfer", config.workdir) + [order]
            return argv, dict(config.environ, **{environment.MARK: self.mark}), self.sandbox.home, config.transfer_timeout_s
        argv = isolation.wrap(self.sandbox.argv(self.spec), self._around.way, self.spec.get("container"),
                              self.sandbox.home, self._around.which)
        environ = environment.of_task(config.environ, self.spec, self.sandbox.home, config.pilot, self.gpus, self.mark)
        return argv, environ, self.sandbox.work, self._limits.walltime_s

    def _transfers(self, phase: str) -> Dict[str, Any]:
        files = self.spec["inputs" if phase == STAGE_IN else "outputs"]
        return {"direction": phase, "files": files, "folder": self.sandbox.work,
                "default": os.path.join(self._around.config.output_dir, folder_name(self.lease.task, self.lease.generation)),
                "answer": os.path.join(self.sandbox.home, phase + ".answer")}

    def _streams_of(self, phase: str) -> Tuple[int, int]:
        if phase == RUN:
            return self.sandbox.open_streams()
        log = os.open(os.path.join(self.sandbox.home, phase + ".log"), os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
        return log, os.dup(log)

    def _signal(self, signum: int) -> None:
        if self.pid is not None:
            process_tree.send_group(self.pid, signum)

    def _kill(self) -> None:
        if self.pid is not None:
            tree = process_tree.descendants(self.pid)
            self._signal(signal.SIGKILL)
            process_tree.send(tree, signal.SIGKILL)
            self._around.confinement.kill(self.mark)

    def _dying(self) -> None:
        """The leader has ended and its pid is still taken: the group is surely ours."""
        self._signal(signal.SIGKILL)

    def _dead(self, child: "subprocess.Popen[bytes]", ended: Exit) -> None:
        child.returncode = ended.code  # reaped by the loop
        self._around.warden.ended(child.pid)
        self.pid = None
        for timer in self._timers:
            timer.cancel()
        self._timers = []
        if self._phase == RUN:
            self._run_exit = ended
        self._next(ended)

    def _next(self, ended: Exit) -> None:
        failure = self._failure(ended)
        if self._stopped is not None:
            return self._end(*self._stopped)
        if failure:
            return self._end("error", failure)
        if self._phase == STAGE_IN or (self._phase == RUN and self.spec.get("outputs")):
            try:
                return self._start(RUN if self._phase == STAGE_IN else STAGE_OUT)
            except OSError as error:
                return self._end("error", "cannot be started: %s" % error)
        self._end("done", "")

    def _failure(self, ended: Exit) -> str:
        """Why this phase did not go well, or ""."""
        if self._phase == RUN:
            killed = self._around.confinement.leave(self.mark)
            if killed:
                return "memory limit passed: killed by the kernel, allowed %g MB" % (self._limits.memory_mb or 0)
            if ended.code == 0:
                return ""
            last = tail(self.sandbox.stderr, 1024).strip().split("\n")[-1][:200]
            how = "killed by signal %d" % -ended.code if ended.code < 0 else "exit code %d" % ended.code
            return how + (": " + last if last else "")
        answer = self._answer()
        self._result.setdefault("files", []).extend(answer.get("files", []))
        if ended.code != 0:
            words = tail(os.path.join(self.sandbox.home, self._phase + ".log"), 1024).strip().split("\n")[-1]
            return "%s failed: %s" % (self._phase, answer.get("problem") or words or "killed by signal %d" % -ended.code)
        return ""

    def _answer(self) -> Dict[str, Any]:
        try:
            with open(os.path.join(self.sandbox.home, self._phase + ".answer")) as stream:
                answer: Dict[str, Any] = json.load(stream)
                return answer
        except (OSError, ValueError):
            return {}

    def _sample(self) -> None:
        """Look at what it uses, tell it now and then, end it when it passes a limit."""
        if self.pid is None or self._stopped is not None:
            return
        used = process_tree.usage(self.pid)
        self._peak_mb = max(self._peak_mb, used.rss_mb)
        passed = limits.breach(self._limits, self._sample_of(used))
        if passed:
            return self.stop("error", passed, self._around.config.stop_grace_s)
        self._timers.append(self._around.loop.after(SAMPLE_S, self._sample))

    def _sample_of(self, used: process_tree.Usage) -> limits.Sample:
        from pilot.agent.sandbox import size_mb

        now, size = time.monotonic(), sum(_size(path) for path in (self.sandbox.stdout, self.sandbox.stderr))
        if size != self._last_output[0]:
            self._last_output = (size, now)
        disk = size_mb(self.sandbox.home) if self._limits.disk_mb is not None else 0.0
        return limits.Sample(used.cpu_s, used.rss_mb, disk, size / 1048576.0, now - self._last_output[1])

    def _end(self, outcome: str, reason: str) -> None:
        result = dict(self._result)
        if self._phase:
            result.update(exit_code=self._run_exit.code, cpu_s=round(self._run_exit.cpu_s, 3),
                          max_rss_mb=round(max(self._run_exit.max_rss_mb, self._peak_mb), 1),
                          stdout=tail(self.sandbox.stdout), stderr=tail(self.sandbox.stderr))
        result["seconds"] = round(time.monotonic() - self._run_began, 3)
        if self._keeps(outcome):
            result["folder"] = self.sandbox.home
        else:
            self.sandbox.remove()
        self._over(self, Ending(outcome, reason, result, time.monotonic() - self._began))

    def _keeps(self, outcome: str) -> bool:
        keep = self._around.config.keep
        return keep == "always" or (keep == "failed" and outcome == "error")


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except OSError:
        return 0
