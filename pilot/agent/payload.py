"""One attempt at a task: its stages one after the other, each a child in its own session; limits;
the result."""

import errno
import signal
import subprocess
import time
from typing import Any, Callable, Dict, List, Optional, Tuple

from pilot.agent import limits, room, stages
from pilot.agent.attempt_result import AttemptResult
from pilot.agent.loop import ChildExit
from pilot.agent.sandbox import folder_name
from pilot.agent.stage_process import StageProcess
from pilot.agent.stages import RUN, STAGE_IN, PayloadPlace, Start, TransferAnswer, close_streams
from pilot.agent.payload_context import AttemptEnd, PayloadContext
from pilot.agent.watch import SOONEST_S, Watch
from pilot.base.interrupts import DRAIN_SIGNALS, STOP_SIGNALS
from pilot.errors import lacking
from pilot.events import event as events
from pilot.events.endings import AttemptOutcome
from pilot.pool.interface import Lease

# time to find out whether the agent gets the same signal as the payload that it killed
ECHO_S = 0.5
OUTER_SIGNALS = STOP_SIGNALS + DRAIN_SIGNALS


class Payload:
    """Runs one leased task. Calls `vacated` when no process of the task runs any more, so that the
    next task can start while this one's result is collected; then calls `over` with the result.
    Each call happens once."""

    def __init__(
        self,
        lease: Lease,
        shared: PayloadContext,
        vacated: Callable[["Payload"], None],
        over: Callable[["Payload", AttemptEnd], None],
    ) -> None:
        self.lease = lease
        self._shared, self._vacated, self._over = shared, vacated, over
        mark = "%s/%s.%d" % (shared.config.pilot, lease.task, lease.generation)
        self._child = StageProcess(shared, lease, mark)
        self._watch = Watch(limits.limits_of(lease.spec, shared.config))
        self._result = AttemptResult()
        self._place: Optional[PayloadPlace] = None
        self._stage, self._prepared = "", None  # type: str, Optional[Start]
        self._answer: Optional[TransferAnswer] = None
        self._stopped: Optional[Tuple[str, str]] = None  # outcome, reason

    @property
    def gpus(self) -> List[str]:
        """The GPUs that it has."""
        return [] if self._place is None else self._place.gpus

    @property
    def spec(self) -> Dict[str, Any]:
        """The task."""
        return self.lease.spec

    def prepare(self) -> None:
        """Prepare what does not need a free place in the slot: the payload starts sooner then."""
        runs_first = stages.first_stage(self.spec) == RUN
        if self._place is None and runs_first and not self.spec.get("gpus"):
            try:
                self._settle_in([])
                self._prepared = self._prepare_stage(RUN, self._own_place())
            except (OSError, ValueError):  # `start` meets the same error again and reports it
                self.discard()

    def discard(self) -> None:
        """Discard the preparation: the payload does not start."""
        if self._prepared is not None:
            close_streams(self._prepared)
        if self._place is not None:
            self._shared.sandboxes.give_back(self._place.sandbox)
        self._prepared = self._place = None

    def start(self, gpus: List[str]) -> None:
        """Start the first stage. A payload that cannot start ends at once, with its reason."""
        self._result.began = time.monotonic()
        try:
            if self._place is None:
                self._settle_in(gpus)
        except OSError as error:
            return self._blame_node(lacking(error) or str(error))
        self._start_stage(stages.first_stage(self.spec))

    def _settle_in(self, gpus: List[str]) -> None:
        self._place = PayloadPlace(
            self.lease, self._shared.sandboxes.take(), self._shared.config, gpus, self._child.mark
        )

    def _own_place(self) -> PayloadPlace:
        assert self._place is not None
        return self._place

    def stop(self, outcome: str, reason: str, grace_s: float) -> None:
        """Stop the payload: SIGTERM to the group, SIGKILL after the grace. The first call gives the
        reason; a later one shortens the grace."""
        if self._stopped is None:
            self._stopped = (outcome, reason)
            self._child.signal_group(signal.SIGTERM)
            self._child.after(grace_s, self._child.kill_tree)
        elif grace_s <= 0:
            self._child.kill_tree()

    def extend(self) -> None:
        """The lease was renewed: the warden gets the new time limit of the payload."""
        self._child.extend_lease()

    def _start_stage(self, stage: str) -> None:
        self._stage = stage
        try:
            start, self._prepared = (
                self._prepared or self._prepare_stage(stage, self._own_place()),
                None,
            )
        except OSError as error:
            return self._blame_node(lacking(error) or str(error))
        except ValueError as error:
            return self._end_attempt(AttemptOutcome.ERROR, "it cannot be started: %s" % error)
        try:
            self._child.spawn(start, self._stage == RUN, self._take_exit)
            self._note_start(start)
        except OSError as error:
            self._not_started(start, error)
        except subprocess.SubprocessError as error:  # the child's code between fork and exec failed
            self._no_such_self(error)
        except ValueError as error:
            self._end_attempt(AttemptOutcome.ERROR, "%s cannot be executed: %s" % (start.argv[0], error))

    def _prepare_stage(self, stage: str, place: PayloadPlace) -> Start:
        if stage == RUN:
            return stages.of_payload(place, self._shared.which)
        self._answer = TransferAnswer(place.config.workdir)
        return stages.of_transfer(place, stage, self._answer)

    def _blame_node(self, why: str) -> None:
        reason = "the node cannot run it: %s" % why
        self._end_attempt(AttemptOutcome.RELEASED, reason, node=True)

    def _no_such_self(self, error: Exception) -> None:
        self._end_attempt(
            AttemptOutcome.RELEASED,
            "the node cannot run it as %s: %s"
            % (self._shared.config.payload_user or "this user", error),
            node=True,
        )

    def _not_started(self, start: Start, error: OSError) -> None:
        """Who causes the error: the node, which has no free processes or descriptors, or the
        task."""
        program = start.argv[0]
        if lacking(error):
            return self._blame_node(lacking(error))
        # of setuid(2); exec reports EACCES for a program that may not run
        if error.errno == errno.EPERM and self._shared.config.payload_ids:
            return self._no_such_self(error)
        if isinstance(error, FileNotFoundError):
            return self._end_attempt(AttemptOutcome.ERROR, "there is no program %s" % program)
        how = "executed" if isinstance(error, PermissionError) else "started"
        self._end_attempt(AttemptOutcome.ERROR, "%s cannot be %s: %s" % (program, how, error.strerror))

    def _note_start(self, start: Start) -> None:
        shared, pid = self._shared, self._child.pid
        limit_s = self._limit_s(start)
        reason = "%s took longer than %.0f s" % (self._stage, limit_s or 0)
        if self._stage == RUN and pid is not None:
            reason = "wall time limit passed: allowed %g s" % self.spec.get("walltime_s", 0)
            self._watch.begin()
            shared.confinement.enter(self._child.mark, pid, self._watch.limits.memory_mb)
            shared.tell(
                events.TASK_STARTED,
                task=self.lease.task,
                generation=self.lease.generation,
                attempt=self.lease.attempt,
                home=self._place.sandbox.home if self._place else None,
            )
            self._child.after(2 * SOONEST_S, self._take_sample)
        if limit_s is not None:
            self._limit_time(limit_s, reason)

    def _limit_s(self, start: Start) -> Optional[float]:
        """How long this stage may take: walltime_s covers the inputs and the run together, as the
        slot's time does."""
        walltime_s: Optional[float] = self.spec.get("walltime_s")
        if walltime_s is None or self._stage not in (STAGE_IN, RUN):
            return start.timeout_s
        left = max(0.1, walltime_s - (time.monotonic() - self._result.began))
        return left if self._stage == RUN or start.timeout_s is None else min(left, start.timeout_s)

    def _limit_time(self, seconds: float, reason: str) -> None:
        """End the stage when it has run so long; time in which it was suspended does not count."""
        def over() -> None:
            left = self._watch.asleep_now(self._child.tree()) if self._stage == RUN else 0.0
            if left > 0:
                self._limit_time(left, reason)
            else:
                self.stop(AttemptOutcome.ERROR, reason, self._shared.config.stop_grace_s)
        self._child.after(seconds, over)

    def _take_exit(self, ended: ChildExit) -> None:
        if self._stopped is None and -ended.code in OUTER_SIGNALS:
            self._shared.loop.after(ECHO_S, lambda: self._judge_exit(ended))
        else:
            self._judge_exit(ended)

    def _judge_exit(self, ended: ChildExit) -> None:
        failure = (
            self._payload_failure(ended) if self._stage == RUN else self._transfer_failure(ended)
        )
        if self._stopped is None and -ended.code in self._shared.loop.heard_lately():
            return self._end_attempt(
                AttemptOutcome.RELEASED, "it was ended by signal %d, which the pilot got, too" % -ended.code
            )
        if self._stopped is not None:
            return self._end_attempt(*self._stopped)
        following = stages.next_stage(self._stage, self.spec)
        if failure or following is None:
            return self._end_attempt(AttemptOutcome.ERROR if failure else "done", failure)
        self._start_stage(following)

    def _payload_failure(self, ended: ChildExit) -> str:
        self._result.exited = ended
        confinement, allowed = self._shared.confinement, self._watch.limits.memory_mb or 0
        if confinement.leave(self._child.mark):
            return "memory limit passed: killed by the kernel, allowed %g MB" % allowed
        if ended.code == 0:
            return ""
        if ended.code == -signal.SIGKILL and confinement.slot_ran_out_of_memory():
            return (
                "out of memory: killed by the kernel when the slot's memory was used up; it used %.0f MB, its share is %g MB"
                % (max(ended.max_rss_mb, self._watch.peak_mb), allowed)
            )
        last = self._own_place().sandbox.tails()["stderr"].strip().split("\n")[-1][:200]
        how = "killed by signal %d" % -ended.code if ended.code < 0 else "exit code %d" % ended.code
        return how + (": " + last if last else "")

    def _transfer_failure(self, ended: ChildExit) -> str:
        assert self._answer is not None
        answer = self._answer.take()
        self._result.files += answer["files"]
        return (
            ""
            if ended.code == 0
            else "%s failed: %s" % (self._stage, answer.get("problem") or "it was killed")
        )

    def _take_sample(self) -> None:
        """Sample the usage, and stop the payload when it passes a limit."""
        if self._child.pid is None or self._stopped is not None or self._place is None:
            return
        passed = self._watch.look(self._child.tree(), self._place)
        if passed:
            return self.stop(AttemptOutcome.ERROR, passed, self._shared.config.stop_grace_s)
        if self._watch.tells():
            self._shared.tell(
                events.TASK_USAGE,
                task=self.lease.task,
                generation=self.lease.generation,
                **self._watch.told(),
            )
        self._child.after(self._watch.next_look_s(), self._take_sample)

    def _end_attempt(self, outcome: str, reason: str, node: bool = False) -> None:
        now = time.monotonic()
        self._vacated(self)
        self._shared.strays.settled()
        crowd = self._disk_filled()
        # a payload that began to run did not fail because of the node
        if crowd and outcome != AttemptOutcome.DONE and self._stopped is None:
            outcome, node = AttemptOutcome.ERROR, False
            reason = crowd if node else "%s (%s)" % (reason, crowd)
        sandbox = None if self._place is None else self._place.sandbox
        result = self._result.describe(self._watch, sandbox)
        if self._place is not None:
            keep = self._shared.config.keep
            wanted = not crowd and (keep == "always" or (keep == "failed" and outcome == AttemptOutcome.ERROR))
            folder = self._shared.sandboxes.give_back(
                self._place.sandbox,
                folder_name(self.lease.task, self.lease.generation) if wanted else None,
            )
            if folder:
                result["folder"] = folder
        self._over(self, AttemptEnd(outcome, reason, result, now - self._result.began, node))

    def _disk_filled(self) -> str:
        """A sentence when this payload has used up the disk; otherwise ""."""
        config = self._shared.config
        if self._place is None or not room.describe_lack(config.workdir, config.min_disk_mb):
            return ""
        return room.used_up_by(self._place.sandbox.home, config.min_disk_mb)
