"""LHCbConfigureSite: ConfigureSite of DIRAC with LHCb's name and choices."""

from pilot_dirac.configure_site import ConfigureSite


class LHCbConfigureSite(ConfigureSite):
    """Write into pilot.cfg where the pilot runs, and LHCb's shared area if the node names one."""

    name = "LHCbConfigureSite"

    def execute(self) -> None:
        super().execute()
        area = self.pp.context.environ.get("VO_LHCB_SW_DIR", "")
        if area:
            self.write_options({"/LocalSite/SharedArea": area})
