import os

import pytest

from commands.launch_agent import LaunchAgent
from pilot.agent import config
from pilot.agent.orders import agent_orders
from pilot.agent.task_pool import AgentPool
from pilot.facts import GPU, AgentSummary, BatchJob, CPUPower, Installation
from pilot.node.deadline import Deadline
from pilot.testing import run_command, worker_node as node


class Mine(LaunchAgent):
    """Another community's agent: one method is all that it overrides."""

    def agent_argv(self, ctx):
        return [
            "sh",
            "-c",
            "echo '{\"event\": \"agent finished\", \"exit_code\": %s, \"reason\": \"mine\"}'"
            % ctx.environ.get("CODE", "0"),
        ]


def test_another_agent_is_one_method(tmp_path):
    trial = run_command(Mine, tmp_path, {"pool": "sqlite:x"}, [node()])
    assert trial.outcome.status == "ok" and trial.fact(AgentSummary) == (0, 0, 0, "mine")


@pytest.mark.parametrize(
    "code, exit_code", [("50", 50), ("60", 60), ("10", 10), ("40", 40), ("77", 40), ("1", 40)]
)
def test_an_agents_end_is_mapped_and_never_passed_on(tmp_path, code, exit_code):
    environ = dict(os.environ, CODE=code)
    outcome = run_command(Mine, tmp_path, {"pool": "sqlite:x"}, [node()], environ=environ).outcome
    assert (outcome.status, outcome.exit_code, outcome.reason) == ("failed", exit_code, "mine")


def test_a_private_pool_that_fails_is_the_nodes_fault(tmp_path, tasks_file):
    settings = {"tasks": tasks_file({"id": "a", "command": ["true"]})}
    outcome = run_command(
        Mine, tmp_path, settings, [node()], environ=dict(os.environ, CODE="50")
    ).outcome
    assert (outcome.exit_code, outcome.reason) == (
        10,
        "the workdir, which holds the tasks, fails: mine",
    )


def orders(tmp_path, settings, facts):
    seen = []

    class Peek(LaunchAgent):
        """Looks at the orders."""

        def run(self, ctx):
            seen.append(agent_orders(ctx, AgentPool("sqlite:p", "pool" in settings and not settings["pool"]), str(tmp_path)))
            return (AgentSummary(0, 0, 0, ""),)
    outcome = run_command(Peek, tmp_path, dict({"pool": "sqlite:p"}, **settings), facts).outcome
    return seen[0] if seen else outcome


def test_the_orders_hold_the_slot_and_the_settings(tmp_path):
    slot = node(
        cores=4,
        memory_mb=8000,
        gpus=(GPU("A100", 40000, "0/uuid"),),
        batch=BatchJob("Slurm", "7", time_left_s=600.0, source="squeue"),
    )
    found = orders(
        tmp_path,
        {"tags": "a,b", "lease_s": "60", "max_walltime": "1h", "output_dir": "/out"},
        [slot, Installation("env", "/opt", {"SOFT": "1"}), CPUPower(12.34, (), 1, False, False)],
    )
    assert (found.slots, found.cores, found.memory_mb, found.gpus, found.tags, found.lease_s) == (
        4,
        4,
        8000,
        ["0/uuid"],
        ["a", "b"],
        60.0,
    )
    assert found.environ["SOFT"] == "1"
    assert found.environ["PILOT_TASK_CPU_POWER"] == "12.3"
    assert found.output_dir == "/out"
    assert (
        599 < found.ends["Slurm (squeue)"] <= 600.0 and 3590 < found.ends["--max-walltime"] <= 3600
    )
    assert config.load_config(config.dump_config(found)) == found


def test_a_wall_the_node_has_not_is_exit_code_2(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    outcome = orders(tmp_path, {"isolation": "bubblewrap"}, [node()])
    assert outcome.exit_code == 2 and "isolation bubblewrap is asked for" in outcome.reason


def test_the_private_pool_is_read_by_others_only(tmp_path, tasks_file):
    trial = run_command(
        LaunchAgent,
        tmp_path / "w",
        {"tasks": tasks_file({"id": "a", "command": ["true"]})},
        [node()],
    )
    assert trial.outcome.status == "ok", trial.outcome
    folder = tmp_path / "w" / "pilot-test-pilot"
    assert os.stat(str(folder / "agent.json")).st_mode & 0o777 == 0o600
    assert trial.fact(AgentSummary).done == 1


def test_walltime_counts_from_the_pilots_start():
    now = [1000.0]
    slot = Deadline({"--max-walltime": 120.0}, dict, [], lambda: now[0])
    now[0] += 100
    assert slot.end() == (20.0, "--max-walltime")
