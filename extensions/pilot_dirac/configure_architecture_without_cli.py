"""ConfigureArchitectureWithoutCLI: the platform without starting dirac-platform."""

import platform

from .configure_architecture import ConfigureArchitecture


class ConfigureArchitectureWithoutCLI(ConfigureArchitecture):
    """Write the platform into pilot.cfg as dirac-platform names it, without starting that."""

    name = "ConfigureArchitectureWithoutCLI"
    needs_certificates = False

    def find_architecture(self) -> str:
        """The platform's name."""
        return self.getPlatformString()

    def getPlatformString(self) -> str:
        """The platform in DIRAC's spelling; communities override this."""
        system = platform.uname()
        library = "-".join(part for part in platform.libc_ver() if part)
        return "_".join(part for part in (system.system, system.machine, library) if part)
