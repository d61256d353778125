"""One attempt at a task: its stages one after the other, each a child in its own session; limits; the result."""

import os
import signal
import subprocess
import time
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Tuple

from pilot import process, process_tree
from pilot.agent import isolation, limits, stages
from pilot.agent.config import AgentConfig
from pilot.agent.confine import Confinement
from pilot.agent.loop import Exit, Loop, Timer
from pilot.agent.sandbox import Sandboxes, folder_name, size_mb, tail
from pilot.agent.stages import RUN, Place, Start
from pilot.agent.strays import Strays
from pilot.pool.interface import Lease

SAMPLE_S = 1.0
ASLEEP_S, IDLE = 3.0, 0.1  # a look so late, with CPU time below this share of the gap, comes after a suspension
Tell = Callable[..., None]


class Ending(NamedTuple):
    """How an attempt ended: outcome done or error (to be reported), released (given back), returned (given back before it was
    started), lost (nothing to say).
    `node` when it is the node that could not run it."""

    outcome: str
    reason: str
    result: Dict[str, Any]
    seconds: float
    node: bool = False


class Surroundings(NamedTuple):
    """What every payload of an agent shares."""

    config: AgentConfig
    loop: Loop
    strays: Strays
    confinement: Confinement
    which: isolation.Which
    sandboxes: Sandboxes
    tell: Tell


class Payload:
    """Runs one leased task. When nothing of it runs any more `vacated` is called, so that the next may start
    before this one's result is gathered; then `over`, with the result. Each once."""

    def __init__(self, lease: Lease, gpus: List[str], around: Surroundings,
                 vacated: Callable[["Payload"], None], over: Callable[["Payload", Ending], None]) -> None:
        self.lease, self.spec, self.gpus = lease, lease.spec, gpus
        self.mark = "%s/%s.%d" % (around.config.pilot, lease.task, lease.generation)
        self.pid: Optional[int] = None
        self._around, self._vacated, self._over = around, vacated, over
        self._place: Optional[Place] = None
        self._stage = ""
        self._stopped: Optional[Tuple[str, str]] = None  # outcome, reason
        self._timers: List[Timer] = []
        self._began = time.monotonic()
        self._watch = Watch(limits.of(self.spec))
        self._ran: Optional[Exit] = None
        self._files: List[Dict[str, Any]] = []

    def start(self) -> None:
        """Begin with the first stage. What cannot be started ends at once, with its reason."""
        try:
            box = self._around.sandboxes.take()
        except OSError as error:
            return self._end("released", "the node cannot run it: %s" % error, node=True)
        self._place = Place(self.lease, box, self._around.config, self.gpus, self.mark)
        self._start(stages.first(self.spec))

    def stop(self, outcome: str, reason: str, grace_s: float) -> None:
        """End it: SIGTERM to the group, SIGKILL after the grace. The first call says why; a later one hurries."""
        if self._stopped is None:
            self._stopped = (outcome, reason)
            self._signal(signal.SIGTERM)
            self._timers.append(self._around.loop.after(grace_s, self._kill))
        elif grace_s <= 0:
            self._kill()

    def _start(self, stage: str) -> None:
        assert self._place is not None
        self._stage = stage
        try:
            start = stages.of_payload(self._place, self._around.which) if stage == RUN else stages.of_transfer(self._place, stage)
        except OSError as error:
            return self._end("released", "the node cannot run it: %s" % error, node=True)
        except ValueError as error:
            return self._end("error", "it cannot be started: %s" % error)
        try:
            child = process.spawn(start.argv, stdout=start.stdout, stderr=start.stderr, env=start.environ, cwd=start.cwd)
        except FileNotFoundError:
            return self._end("error", "there is no program %s" % start.argv[0])
        except (PermissionError, ValueError) as error:
            return self._end("error", "%s cannot be executed: %s" % (start.argv[0], error))
        except OSError as error:
            return self._end("error", "%s cannot be started: %s" % (start.argv[0], error.strerror))
        finally:
            os.close(start.stdout)
            os.close(start.stderr)
        self._started(child, start)

    def _started(self, child: "subprocess.Popen[bytes]", start: Start) -> None:
        around, self.pid = self._around, child.pid
        around.strays.began(child.pid, self.mark)
        around.loop.watch_child(child.pid, self._dying, lambda ended: self._dead(child, ended))
        reason = "%s took longer than %g s" % (self._stage, start.timeout_s or 0)
        if self._stage == RUN:
            reason = "wall time limit passed: allowed %g s" % (start.timeout_s or 0)
            self._watch.begin()
            around.confinement.enter(self.mark, child.pid, self._watch.limits.memory_mb)
            around.tell("task started", task=self.lease.task, generation=self.lease.generation, attempt=self.lease.attempt,
                        home=self._place.sandbox.home if self._place else None)
            self._timers.append(around.loop.after(SAMPLE_S, self._sample))
        if start.timeout_s is not None:
            self._limit_time(start.timeout_s, reason)

    def _limit_time(self, seconds: float, reason: str) -> None:
        """End the stage when it has run so long; time in which it was suspended does not count."""
        def over() -> None:
            left = self._watch.asleep_now(self._tree()) if self._stage == RUN else 0.0
            if left > 0:
                self._limit_time(left, reason)
            else:
                self.stop("error", reason, self._around.config.stop_grace_s)
        self._timers.append(self._around.loop.after(seconds, over))

    def _tree(self) -> List[process_tree.Process]:
        return [] if self.pid is None else self._around.strays.tree(self.pid, self.mark)

    def _signal(self, signum: int) -> None:
        if self.pid is not None:
            process_tree.send_group(self.pid, signum)

    def _kill(self) -> None:
        if self.pid is not None:
            tree = self._around.strays.tree(self.pid, self.mark)
            self._signal(signal.SIGKILL)
            process_tree.send(tree, signal.SIGKILL)
            self._around.confinement.kill(self.mark)

    def _dying(self) -> None:
        """The leader has ended and its pid is still taken: the group is surely ours."""
        self._signal(signal.SIGKILL)

    def _dead(self, child: "subprocess.Popen[bytes]", ended: Exit) -> None:
        child.returncode = ended.code  # reaped by the loop
        self._around.strays.ended(child.pid)
        self.pid = None
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        failure = self._payload_failure(ended) if self._stage == RUN else self._transfer_failure(ended)
        if self._stopped is not None:
            return self._end(*self._stopped)
        following = stages.after(self._stage, self.spec)
        if failure or following is None:
            return self._end("error" if failure else "done", failure)
        self._start(following)

    def _payload_failure(self, ended: Exit) -> str:
        assert self._place is not None
        self._ran = ended
        if self._around.confinement.leave(self.mark):
            return "memory limit passed: killed by the kernel, allowed %g MB" % (self._watch.limits.memory_mb or 0)
        if ended.code == 0:
            return ""
        last = tail(self._place.sandbox.stderr, 1024).strip().split("\n")[-1][:200]
        how = "killed by signal %d" % -ended.code if ended.code < 0 else "exit code %d" % ended.code
        return how + (": " + last if last else "")

    def _transfer_failure(self, ended: Exit) -> str:
        assert self._place is not None
        answer = stages.transfer_answer(self._place.sandbox, self._stage)
        self._files += answer["files"]
        return "" if ended.code == 0 else "%s failed: %s" % (self._stage, answer.get("problem") or "it was killed")

    def _sample(self) -> None:
        """Look at what it uses, and end it when it passes a limit."""
        if self.pid is None or self._stopped is not None or self._place is None:
            return
        passed = self._watch.look(self._tree(), self._place)
        if passed:
            return self.stop("error", passed, self._around.config.stop_grace_s)
        if self._watch.tells():
            self._around.tell("task usage", task=self.lease.task, generation=self.lease.generation, **self._watch.told())
        self._timers.append(self._around.loop.after(SAMPLE_S, self._sample))

    def _end(self, outcome: str, reason: str, node: bool = False) -> None:
        now = time.monotonic()
        self._vacated(self)
        result: Dict[str, Any] = {}
        if self._files:
            result["files"] = self._files
        if self._ran is not None and self._place is not None:
            box = self._place.sandbox
            result.update(exit_code=self._ran.code, cpu_s=round(self._ran.cpu_s, 3), seconds=round(now - self._watch.began, 3),
                          max_rss_mb=round(max(self._ran.max_rss_mb, self._watch.peak_mb), 1),
                          stdout=tail(box.stdout), stderr=tail(box.stderr))
        if self._place is not None:
            keep = self._around.config.keep
            wanted = keep == "always" or (keep == "failed" and outcome == "error")
            folder = self._around.sandboxes.give_back(
                self._place.sandbox, folder_name(self.lease.task, self.lease.generation) if wanted else None)
            if folder:
                result["folder"] = folder
        self._over(self, Ending(outcome, reason, result, now - self._began, node))


class Watch:
    """Samples of a running payload against its limits."""

    TELL_EVERY = 30  # samples between two usage events

    def __init__(self, allowed: limits.Limits) -> None:
        self.limits = allowed
        self.began = self._looked = time.monotonic()
        self.peak_mb = 0.0
        self._asleep, self._owed = 0.0, 0.0  # seconds suspended: in all; not yet given back to the wall time limit
        self._output = (0, self.began)  # size, and when it last changed
        self._looks = 0
        self._used = process_tree.Usage(0, 0.0, 0.0)

    def begin(self) -> None:
        """The payload itself starts now."""
        self.began = self._looked = time.monotonic()
        self._output = (0, self.began)

    def asleep_now(self, tree: List[process_tree.Process]) -> float:
        """Seconds in which all of it was suspended and that were not asked for before."""
        self._sample(tree)
        owed, self._owed = self._owed, 0.0
        return owed

    def _sample(self, tree: List[process_tree.Process]) -> None:
        """A look that comes much too late, and finds that hardly any CPU time was used meanwhile, comes after a suspension
        (SIGSTOP, a volunteer's machine at work, docker pause); on a machine that is only busy payloads go on."""
        used, now = process_tree.total(tree), time.monotonic()
        late = now - self._looked - SAMPLE_S
        if late > ASLEEP_S and used.cpu_s - self._used.cpu_s < late * IDLE:
            self._asleep += late
            self._owed += late
        self._used, self._looked = used, now
        self.peak_mb = max(self.peak_mb, used.rss_mb)

    def look(self, tree: List[process_tree.Process], place: Place) -> Optional[str]:
        """Take a sample of all its processes; the limit that is passed, as a sentence, or None."""
        self._looks += 1
        self._sample(tree)
        now, size = self._looked - self._asleep, sum(_size(path) for path in (place.sandbox.stdout, place.sandbox.stderr))
        if size != self._output[0]:
            self._output = (size, now)
        disk = size_mb(place.sandbox.home) if self.limits.disk_mb is not None else 0.0
        sample = limits.Sample(self._used.cpu_s, self._used.rss_mb, disk, size / 1048576.0, now - self._output[1])
        return limits.breach(self.limits, sample)

    def tells(self) -> bool:
        """Whether this sample is one to tell."""
        return self._looks % self.TELL_EVERY == 1

    def told(self) -> Dict[str, Any]:
        """The last sample, for an event."""
        return {"processes": self._used.processes, "cpu_s": round(self._used.cpu_s, 2), "rss_mb": round(self._used.rss_mb, 1)}


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except OSError:
        return 0
