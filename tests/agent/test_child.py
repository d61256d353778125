"""Around an agent's process: what is asked of it in every moment of its life."""

import signal

from pilot.agent import child
from pilot.command import Command
from pilot.testing import run_command
from tests.agent.running import PLAN, gone
from tests.conftest import until


class Heard(child.Watched):
    def __init__(self):
        super().__init__()
        self.drains = []

    def drain(self, signum):
        self.drains.append((self.pid, signum))


def test_a_wish_to_drain_that_comes_before_the_process_is_passed_to_it(tmp_path):
    heard = Heard()

    class Launch(Command):
        """Starts an agent just after the pilot was asked to drain."""

        name = "Launch"

        def run(self, ctx):
            ctx.interrupts.drain = True
            child.watch_agent(ctx, ["true"], heard)
            return ()

    assert run_command(Launch, tmp_path).outcome.status == "ok"
    pid, signum = heard.drains[-1]
    assert pid == heard.pid > 0
    assert signum == signal.SIGUSR1


def test_another_program_may_be_the_agent(pilot, programs):
    programs.make("my-agent", 'echo "cores $PILOT_ID"; echo to-stderr >&2; exit ${1:-0}')
    ended = pilot(*(PLAN + ("--execute", "my-agent")))
    assert ended.code == 0
    assert "to-stderr" in ended.err
    ended = pilot(*(PLAN + ("--execute", "my-agent 7")))
    assert ended.code == 40
    assert "my-agent ended with 7" in ended.report["commands"][-1]["reason"]


def test_a_foreign_agent_dies_with_a_killed_pilot(tmp_path, start_pilot, programs):
    programs.make("my-agent", "echo $$ > %s/pid; exec sleep 300" % tmp_path)
    child = start_pilot(*(PLAN + ("--execute", "my-agent", "--workdir", str(tmp_path))))
    until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text())
    child.kill()
    until(lambda: gone(int((tmp_path / "pid").read_text())), 5, "the agent's end")
