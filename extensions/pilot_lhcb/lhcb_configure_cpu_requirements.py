"""LHCbConfigureCPURequirements: ConfigureCPURequirements of DIRAC with LHCb's name."""

from pilot_dirac.configure_cpu_requirements import ConfigureCPURequirements


class LHCbConfigureCPURequirements(ConfigureCPURequirements):
    """Measure the CPU power and write it, and the CPU work left, into pilot.cfg."""

    name = "LHCbConfigureCPURequirements"
