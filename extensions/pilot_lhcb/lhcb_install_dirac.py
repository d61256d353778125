"""LHCbInstallDIRAC: LHCbDIRAC from LHCb's own CVMFS repository; where that fails, from DIRACOS and
pip."""

import os
from typing import List

from pilot.command import Option

from pilot_dirac.install_dirac import InstallDIRAC

PROJECT = "LHCb"


class LHCbInstallDIRAC(InstallDIRAC):
    """Make LHCbDIRAC usable: from CVMFS first, else installed here."""

    name = "LHCbInstallDIRAC"
    options = InstallDIRAC.options + (
        Option(
            "lhcb_cvmfs", "where LHCbDIRAC lies on CVMFS", default="/cvmfs/lhcb.cern.ch/lhcbdirac"
        ),
    )

    def execute(self) -> None:
        self.pp.releaseProject = self.pp.releaseProject or PROJECT
        super().execute()

    def cvmfs_folder(self) -> str:
        """The folder on CVMFS."""
        return os.path.expandvars(str(self.pp.context.settings["lhcb_cvmfs"]))

    def find_installed(self) -> List[str]:
        """The scripts in LHCb's folder, unless the settings name another place."""
        pp = self.pp
        if not pp.preinstalledEnv and not pp.preinstalledEnvPrefix:
            pp.preinstalledEnvPrefix = self.cvmfs_folder()
        return super().find_installed()
