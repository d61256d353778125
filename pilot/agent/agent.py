"""The agent: fills the slot with payloads, keeps their leases, reports their ends, stops in time."""

import logging
import os
import signal
import time
import uuid
from typing import Any, Callable, Dict, List, Optional, Set, Tuple

from pilot import process_tree
from pilot.agent import capacity
from pilot.agent.config import AgentConfig
from pilot.agent.environment import MARK
from pilot.agent.loop import Timer
from pilot.agent.payload import Ending, Payload, Surroundings
from pilot.node.deadline import Deadline
from pilot.pool.interface import Busy, Final, Lease, Offer, Pool, StaleLease

RETRY_S = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0)  # waits when the pool is busy; the last one repeats
GIVE_UP_S = 120.0  # a pool that does not answer for so long, with nothing running, ends the agent
POLL_S = (0.5, 1.0, 2.0, 5.0, 10.0)  # waits when there is nothing to claim
REFRESH_S = 15.0
MARGIN_S = 2.0  # after a payload's grace: what the last reports may take
STOP_REPORT_S = 1.0

log = logging.getLogger("pilot.agent")
Key = Tuple[str, int]


class End:
    """Why the agent stops, in words, and as one of: work (none left), drain, time, signal, pilot, pool."""

    def __init__(self, kind: str, reason: str) -> None:
        self.kind, self.reason = kind, reason


class Agent:
    """Call `begin`, then run the loop; afterwards `end` says how it went."""

    def __init__(self, config: AgentConfig, pool: Pool, around: Surroundings, deadline: Deadline,
                 tell: Callable[..., None]) -> None:
        self.end: Optional[End] = None
        self._config, self._pool, self._around, self._deadline, self._tell = config, pool, around, deadline, tell
        self._loop = around.loop
        self._capacity = capacity.whole(config)
        self._payloads: Dict[Key, Payload] = {}
        self._finals: List[Tuple[Final, Ending]] = []
        self._releases: List[Tuple[Lease, Ending]] = []
        self._claimed = 0
        self._empty_polls = 0
        self._failures = 0
        self._idle_since = self._reached = time.monotonic()
        self._renewed: Dict[Key, float] = {}
        self._turn_timer: Optional[Timer] = None
        self._request = ""
        self._cut = False

    def begin(self) -> None:
        """First claim, and the regular duties."""
        self._loop.after(self._config.lease_s / 5, self._renew)
        self._refresh()
        self._turn()

    # -- claiming and reporting ------------------------------------------------------------------

    def _soon(self, seconds: float = 0.0) -> None:
        if self._turn_timer is not None:
            self._turn_timer.cancel()
        self._turn_timer = self._loop.after(seconds, self._turn)

    def _turn(self) -> None:
        """Report what ended and claim as long as something fits: each claim is one transaction."""
        self._turn_timer = None
        try:
            while True:
                offer = self._offer()
                if offer is None and not self._finals:
                    break
                leases = self._exchange(offer)
                if not leases:
                    break
            self._release_all()
        except Busy as error:
            return self._busy(error)
        self._failures, self._reached = 0, time.monotonic()
        self._after_turn()

    def _exchange(self, offer: Optional[Offer]) -> List[Lease]:
        self._request = self._request or uuid.uuid4().hex
        finals = [final for final, _ in self._finals]
        asked = time.monotonic()
        states, leases = self._pool.next(finals, self._config.pilot, offer or Offer(), 1 if offer else 0,
                                         self._config.lease_s, self._request)
        self._request = ""
        ended, self._finals = self._finals, []
        for final, ending in ended:
            self._tell_end(final.task, final.generation, states[(final.task, final.generation)], ending)
        for lease in leases:
            self._start(lease, asked)
        return leases

    def _offer(self) -> Optional[Offer]:
        if self.end is not None or self._claimed == self._config.max_tasks:
            return None
        running = list(self._payloads.values())
        left = capacity.free(self._capacity, [p.spec for p in running], [gpu for p in running for gpu in p.gpus])
        return capacity.offer(left, self._config, self._time_left())

    def _time_left(self) -> Optional[float]:
        end = self._deadline.end()
        return None if end is None else end.left_s - self._config.stop_grace_s - MARGIN_S

    def _start(self, lease: Lease, asked: float) -> None:
        self._claimed += 1
        self._empty_polls = 0
        self._tell("task claimed", task=lease.task, generation=lease.generation, attempt=lease.attempt)
        taken = {gpu for payload in self._payloads.values() for gpu in payload.gpus}
        gpus = [gpu for gpu in self._capacity.gpus if gpu not in taken][: lease.spec.get("gpus", 0)]
        payload = Payload(lease, gpus, self._around, self._over, self._tell)
        self._payloads[(lease.task, lease.generation)] = payload
        self._renewed[(lease.task, lease.generation)] = asked
        payload.start()

    def _over(self, payload: Payload, ending: Ending) -> None:
        """Nothing of this payload is left: keep its result for the next turn."""
        lease = payload.lease
        key = (lease.task, lease.generation)
        del self._payloads[key], self._renewed[key]
        self._idle_since = time.monotonic()
        if ending.outcome == "released":
            self._releases.append((lease, ending))
        elif ending.outcome == "lost":
            self._tell_end(lease.task, lease.generation, "stale", ending)
        else:
            self._finals.append((Final(lease.task, lease.generation, ending.outcome, ending.reason, dict(
                ending.result, host=os.uname().nodename)), ending))
        self._soon()

    def _tell_end(self, task: str, generation: int, state: str, ending: Ending) -> None:
        outcome = {"done": "done", "error": "error", "todo": "retried"}.get(state, "lost")
        if ending.outcome == "released" and state != "stale":
            outcome = "released"
        self._tell("task finished", task=task, generation=generation, outcome=outcome, seconds=round(ending.seconds, 3),
                   reason=ending.reason, cpu_s=ending.result.get("cpu_s"), max_rss_mb=ending.result.get("max_rss_mb"),
                   folder=ending.result.get("folder"))

    def _release_all(self) -> None:
        while self._releases:
            lease, ending = self._releases[0]
            state = "todo"
            try:
                self._pool.release(lease.task, lease.generation, self._config.pilot, ending.reason)
            except StaleLease:
                state = "stale"
            del self._releases[0]
            self._tell_end(lease.task, lease.generation, state, ending)

    def _after_turn(self) -> None:
        if self._payloads:
            if self._offer() is not None:
                self._poll()
            return
        if self.end is None:
            self._without_work()
        if self.end is not None and not self._finals and not self._releases:
            self._loop.stop()

    def _poll(self) -> None:
        self._soon(POLL_S[min(self._empty_polls, len(POLL_S) - 1)])
        self._empty_polls += 1

    def _without_work(self) -> None:
        """Nothing runs and nothing could be claimed: stay a while, or end."""
        if self._claimed == self._config.max_tasks:
            self.end = End("work", "%d tasks were claimed, as many as --max-tasks allows" % self._claimed)
        elif self._offer() is None:
            self.end = End("drain", "no time is left for another task")
        elif self._config.wait_for_retries and self._wait_for_retry():
            return
        elif time.monotonic() - self._idle_since >= self._config.idle_s:
            self.end = End("work", "no task is left that this node can run")
        else:
            self._poll()

    def _wait_for_retry(self) -> bool:
        try:
            seconds = self._pool.pending()[1]
        except Busy as error:
            self._busy(error)
            return True
        if seconds is None:
            return False
        self._soon(min(seconds + 0.05, POLL_S[-1]))
        return True

    def _busy(self, error: Busy) -> None:
        silent = time.monotonic() - self._reached
        if not self._payloads and (silent > GIVE_UP_S or (self.end is not None and silent > STOP_REPORT_S)):
            log.error("%s; given up after %.0f s, %d results could not be reported", error, silent, len(self._finals))
            if self.end is None or self._finals:
                self.end = End("pool", str(error))
            return self._loop.stop()
        wait = RETRY_S[min(self._failures, len(RETRY_S) - 1)] if self.end is None else RETRY_S[0]
        log.warning("%s; trying again in %g s", error, wait)
        self._failures += 1
        self._soon(wait)

    # -- leases ----------------------------------------------------------------------------------

    def _renew(self) -> None:
        wait, keys = self._config.lease_s / 5, list(self._renewed)
        asked = time.monotonic()
        try:
            stale: Set[Key] = set(self._pool.renew(self._config.pilot, keys, self._config.lease_s)) if keys else set()
            self._renewed.update({key: asked for key in keys if key not in stale})
        except Busy as error:
            log.warning("leases could not be renewed: %s", error)
            stale, wait = set(), self._config.lease_s / 20
        margin = min(self._config.stop_grace_s + wait, self._config.lease_s / 2)
        for key, renewed in list(self._renewed.items()):
            if key in stale:
                self._payloads[key].stop("lost", "the lease is another's now", self._config.stop_grace_s)
            elif time.monotonic() - renewed > self._config.lease_s - margin:
                self._payloads[key].stop("lost", "the lease could not be renewed in time", self._config.stop_grace_s)
        self._loop.after(wait, self._renew)

    # -- the end ---------------------------------------------------------------------------------

    def _refresh(self) -> None:
        """Read the ends of the slot anew; stop in time, drain when told."""
        self._deadline.refresh()
        drain = self._deadline.draining()
        if drain:
            self.drain("the drain file %s is there" % drain)
        left = self._time_left()
        if left is not None and left <= 0 and self._payloads:
            end = self._deadline.end()
            self._cut = True
            self.stop(End("time", "the slot's end by %s" % (end.source if end else "?")), self._config.stop_grace_s)
        self._loop.after(REFRESH_S if left is None else max(0.2, min(REFRESH_S, left)), self._refresh)

    def drain(self, reason: str) -> None:
        """Claim nothing more; what runs may finish."""
        if self.end is None:
            log.info("draining: %s", reason)
            self.end = End("drain", reason)
            self._soon()

    def stop(self, end: End, grace_s: float) -> None:
        """End every payload, release its task, and then the agent. Called again it hurries."""
        if self.end is None or self.end.kind == "drain":
            self.end = end
        for payload in list(self._payloads.values()):
            payload.stop("released", self.end.reason, grace_s)
        self._reached = time.monotonic()
        self._soon()

    def on_signal(self, signum: int) -> None:
        """SIGUSR1 and SIGUSR2 drain; any other stops now, and a second one without grace."""
        if signum in (signal.SIGUSR1, signal.SIGUSR2):
            return self.drain("signal %d" % signum)
        again = self.end is not None and self.end.kind == "signal"
        self.stop(End("signal", "stopped by signal %d" % signum), 0.0 if again else self._config.stop_grace_s)

    def on_pilot_gone(self) -> None:
        """Nobody reads our story any more: the pilot was killed."""
        self.stop(End("pilot", "the pilot is gone"), self._config.stop_grace_s)

    def on_stranger(self) -> None:
        """A process that a payload left behind was reparented to us: end those whose payload is over."""
        marks = {payload.mark for payload in self._payloads.values()}
        for pid in process_tree.children(os.getpid()):
            if pid == self._around.warden.pid or any(p.pid == pid for p in self._payloads.values()):
                continue
            process = process_tree.look_up(pid)
            if process is not None and not any(process_tree.bears(pid, MARK, mark) for mark in marks):
                process_tree.send([process] + process_tree.descendants(pid), signal.SIGKILL)

    @property
    def cut_off(self) -> bool:
        """Whether the slot's end came before running payloads were finished."""
        return self._cut


__all__: List[Any] = ["Agent", "End"]
