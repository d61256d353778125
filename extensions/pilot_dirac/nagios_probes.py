"""NagiosProbes: runs the site's probes and reports their results; a failed probe does not end the
pilot."""

import os
import time
from typing import List, Optional, Tuple

from commands.run_probes import RunProbes
from pilot.base import credentials, fetch
from pilot.command import Option
from pilot.errors import ConfigurationFailed, Skip, StepFailed
from pilot.facts import ProbeResult, Probes
from pilot.node import nagios

from .command import DiracCommand
from .options import pick_options
from .params import PilotParams

CODES = {"OK": 0, "WARNING": 1, "CRITICAL": 2, "UNKNOWN": 3}
PUT_S = 20.0


class NagiosProbes(DiracCommand):
    """Run the probes that pilot.json names, and PUT each result where it says."""

    name = "NagiosProbes"
    needs_certificates = False
    options: Tuple[Option, ...] = (
        DiracCommand.options + RunProbes.options + pick_options("nagios_put_url")
    )
    provides = (Probes,)

    def __init__(self, pilotParams: Optional[PilotParams] = None, *more: object) -> None:
        super().__init__(pilotParams, *more)
        self.nagiosProbes: List[str] = []
        self.nagiosPutURL: Optional[str] = None

    def execute(self) -> None:
        self._setNagiosOptions()
        if not self.nagiosProbes:
            raise Skip("pilot.json names no probes")
        self._runNagiosProbes()

    def _setNagiosOptions(self) -> None:
        """The probes and the URL of pilot.json; communities override this."""
        settings = self.pp.context.settings
        self.nagiosProbes = list(settings["probes"])
        self.nagiosPutURL = settings["nagios_put_url"] or None

    def _runNagiosProbes(self) -> None:
        """Run the probes one by one; communities override this."""
        pp = self.pp
        limit = pp.context.settings["probe_timeout_s"]
        results = tuple(
            nagios.probe(name, pp.workingDir, self.program_environ(), limit)
            for name in self.nagiosProbes
        )
        for result in results:
            log = {"OK": self.log.info, "WARNING": self.log.warn}.get(result.state, self.log.error)
            log("%s %s after %.1f s: %s", result.name, result.state, result.seconds, result.text)
            self._put_result(result)
        self.found = (Probes(results),)

    def _put_result(self, result: ProbeResult) -> None:
        url = self.nagiosPutURL
        if not url:
            return
        place = "/".join((url.rstrip("/"), self.pp.ceName or os.uname().nodename, result.name))
        text = "%d %d\n%s" % (CODES.get(result.state, 3), time.time(), result.text)
        environ = self.program_environ()
        try:
            context = (
                credentials.tls_context(environ, credentials.proxy_path(environ))
                if place.startswith("https:")
                else None
            )
            fetch.get(place, PUT_S, context=context, data=text.encode("utf-8"), method="PUT")
        except (StepFailed, ConfigurationFailed) as error:
            self.log.warn("the result of %s could not be PUT: %s", result.name, error)
