"""MultiLaunchAgent: a JobAgent for each processor, as virtual machines of Vac need it."""

import os
import threading
from typing import IO, List, Optional

from pilot.base import process, process_tree
from pilot.errors import AgentFailed, OutOfTime, TimeLimit
from pilot.facts import AgentSummary, WorkerNode
from pilot.base.shared_defaults import AGENT_STOP_S

from .launch_agent import JobAgent, LaunchAgent

LOG = "jobagent.%02d.log"
MESSAGE = "shutdown_message"
TIME_OVER = "200 Intended work completed: the time is over"
TERM, KILL = 15, 9


class OneAgent(JobAgent):
    """One of the agents; it has its own log file."""

    def __init__(self, control: str, path: str) -> None:
        super().__init__(control)
        self._path = path
        self._out: Optional[IO[str]] = None
        self.result: Optional[process.Result] = None

    def run_agent(self, argv: List[str], how: "LaunchAgent", folder: str) -> None:
        """Run the agent until it ends, and set `result`."""
        with open(self._path, "a", encoding="utf-8", errors="backslashreplace") as self._out:
            self.result = process.run(
                argv,
                timeout_s=how.timeout_s,
                ok=None,
                environ=how.program_environ(),
                cwd=folder,
                grace_s=AGENT_STOP_S,
                on_line=self.line,
                on_error_line=self.write_line,
                on_start=self._note_start,
                keep=1 << 16,
            )

    def _note_start(self, pid: int) -> None:
        self.pid = pid

    def line(self, text: str) -> None:
        """Read one line of the agent's log."""
        self.count_job(text)
        self.write_line(text)

    def write_line(self, text: str) -> None:
        """Append a line to the agent's log file."""
        if self._out is not None:
            self._out.write(text + "\n")


class MultiLaunchAgent(LaunchAgent):
    """Launch a JobAgent for each processor, each with a jobagent.NN.log; leave shutdown_message."""

    name = "MultiLaunchAgent"

    def execute(self) -> None:
        pp, node = self.pp, self.pp.context.find(WorkerNode)
        count = pp.pilotProcessors or (node.cores if node else 1)
        self.refuse_to_begin()
        agents = [self._start_agent(number) for number in range(count)]
        threads = [
            threading.Thread(
                target=agent.run_agent,
                args=(self.argv_of(number), self, self.agent_folder(number)),
                daemon=True,
            )
            for number, agent in enumerate(agents)
        ]

        def drain_agents(signum: int) -> None:
            for agent in agents:
                agent.drain(signum)
        with pp.context.interrupts.listening(drain_agents):
            try:
                for thread in threads:
                    thread.start()
                for thread in threads:
                    thread.join()
            except BaseException as why:
                self._end_agents(agents, threads)
                self._leave_message(
                    TIME_OVER
                    if isinstance(why, TimeLimit)
                    else "100 Shutdown as requested by the host"
                )
                raise
        self._judge_agents(agents)

    def _start_agent(self, number: int) -> OneAgent:
        folder = self.agent_folder(number)
        os.makedirs(folder, exist_ok=True)
        return OneAgent(self.control_folder(folder), os.path.join(self.pp.workingDir, LOG % number))

    def agent_folder(self, number: int) -> str:
        """The working directory of this agent."""
        return os.path.join(self.pp.workingDir, "agent.%02d" % number)

    def argv_of(self, number: int) -> List[str]:
        """The agent's command line, for its own folder."""
        words = self.job_agent(self.agent_folder(number))
        return [
            os.path.join(self.pp.workingDir, word) if before == "--cfg" else word
            for before, word in zip([""] + words, words)
        ]

    @staticmethod
    def _end_agents(agents: List[OneAgent], threads: List[threading.Thread]) -> None:
        for agent in agents:
            if agent.pid and agent.result is None:
                process_tree.send_group(agent.pid, TERM)
        for thread in threads:
            thread.join(AGENT_STOP_S)
        for agent in agents:
            if agent.pid and agent.result is None:
                process_tree.send_group(agent.pid, KILL)

    def _judge_agents(self, agents: List[OneAgent]) -> None:
        jobs = sum(agent.jobs for agent in agents)
        results = [agent.result for agent in agents if agent.result is not None]
        bad = next((result for result in results if result.exit_code or result.timed_out), None)
        if bad is not None and bad.timed_out:
            self._leave_message(TIME_OVER)
            raise OutOfTime("the pilot ended the agents at their time limit")
        if bad is not None or len(results) < len(agents):
            self._leave_message("700 Failed, probably JobAgent or Application problem")
            raise AgentFailed(
                "an agent of %d ended badly: %s"
                % (len(agents), bad.describe_end() if bad else "it did not start")
            )
        self._leave_message(
            "200 Intended work completed ok"
            if jobs
            else "300 No more work available from the task queue"
        )
        self.found = (
            AgentSummary(
                jobs, 0, 0, "%d JobAgents ended well; they took %d jobs" % (len(agents), jobs)
            ),
        )

    def _leave_message(self, text: str) -> None:
        with open(os.path.join(self.pp.workingDir, MESSAGE), "w", encoding="ascii") as stream:
            stream.write(text)
