"""RegisterPilot: registers this pilot with DIRAC's PilotManager."""

from typing import Tuple

from commands.register_pilot import RegisterPilot as ToolboxRegisterPilot
from pilot.errors import PoolUnreachable, Skip
from pilot.facts import Registration
from pilot.engine.settings import DEFAULT

from .command import DiracCommand
from .dialect import STAMP
from .options import pick_options
from .params import STAMP_LENGTH

PROGRAM = "dirac-admin-add-pilot"


class RegisterPilot(DiracCommand, ToolboxRegisterPilot):
    """Register this pilot with DIRAC as running; without success the pilot goes on."""

    name = "RegisterPilot"
    options = (
        DiracCommand.options + pick_options("use_server_certificate") + ToolboxRegisterPilot.options
    )
    requires: Tuple[type, ...] = ()
    provides = (Registration,)
    timeout_s = DiracCommand.timeout_s
    failure = PoolUnreachable

    def execute(self) -> None:
        pp = self.pp
        settings = pp.context.settings
        reference = pp.pilotReference
        if not pp.wnVO:
            raise Skip(
                "neither the environment nor the proxy names the VO: not registered (--wnVO)"
            )
        if reference == pp.context.pilot_id and settings.setting("pilot_id").source == DEFAULT:
            raise Skip(
                "this pilot has no reference: no batch system, no stamp, no --pilotUUID, "
                "no --reference: not registered"
            )
        stamp = pp.context.environ.get(STAMP) or pp.pilotUUID.replace("-", "")[:STAMP_LENGTH]
        done = self.run_program(
            [PROGRAM, reference, pp.wnVO, pp.flavour, stamp, "--status=Running"]
            + self.server_words()
            + ["-d"],
            None,
        )
        good = done.exit_code == 0 and not done.timed_out
        if not good and pp.context.settings["register_required"]:
            raise PoolUnreachable("the pilot could not be registered: " + done.describe_end())
        if not good:
            self.log.warn("the pilot could not be registered: %s", done.describe_end())
        self.found = (Registration(reference, pp.flavour, "PilotManager" if good else ""),)
