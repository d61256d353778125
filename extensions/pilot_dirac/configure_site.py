"""ConfigureSite: the place of this pilot, and the values of -o."""

from typing import Dict

from .command import DiracCommand
from .options import pick_options


class ConfigureSite(DiracCommand):
    """Write into pilot.cfg where the pilot runs, by what batch system, and each -o given."""

    name = "ConfigureSite"
    options = DiracCommand.options + pick_options("local_ce_type", "gateway")

    def execute(self) -> None:
        pp = self.pp
        system = pp.batchSystemInfo
        values: Dict[str, str] = {"/LocalSite/GridMiddleware": pp.flavour}
        for name in ("Type", "JobID"):
            values["/LocalSite/BatchSystemInfo/" + name] = str(system.get(name, ""))
        parameters = system.get("Parameters")
        # also what nobody knows: DIRAC's plug-ins of batch systems fail without this section
        for name, text in parameters.items() if isinstance(parameters, dict) else ():
            values["/LocalSite/BatchSystemInfo/Parameters/" + name] = text
        values.update(
            {
                "/LocalInstallation/SiteName": pp.site,
                "/LocalInstallation/CEName": pp.ceName,
                "/LocalSite/Site": pp.site,
                "/LocalSite/GridCE": pp.ceName,
                "/LocalSite/CEQueue": pp.queueName,
                "/LocalSite/LocalCE": pp.ceType,
                "/LocalSite/PilotReference": pp.pilotReference,
            }
        )
        if pp.gateway and pp.site:
            values["/DIRAC/Gateways/" + pp.site] = pp.gateway
        values.update(dict(self.cfg_pairs()))
        self.write_options(values)

    def cfg_pairs(self) -> Dict[str, str]:
        """/Section/Name -> value of every -o that is an assignment."""
        pairs = {}
        for text in self.pp.genericOptions:
            path, equals, rest = text.partition("=")
            if equals and path.strip().startswith("/"):
                pairs[path.strip()] = rest.strip()
        return pairs
