"""Around an agent's process: what is asked of it in every moment of its life."""

import signal

from pilot.agent import child
from pilot.command import Command
from pilot.testing import run_command


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
    assert pid == heard.pid > 0 and signum == signal.SIGUSR1
