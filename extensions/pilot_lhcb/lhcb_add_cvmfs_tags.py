"""LHCbAddCVMFSTags: tags for the repositories of CVMFS that this node has."""

from pilot_dirac.certificates import look_by_child
from pilot_dirac.check_wn_capabilities import DEFAULTS
from pilot_dirac.command import DiracCommand

REPOSITORIES = ("lhcb.cern.ch", "lhcb-condb.cern.ch", "lhcbdev.cern.ch", "unpacked.cern.ch")


class LHCbAddCVMFSTags(DiracCommand):
    """Add the tag /cvmfs/NAME for each of LHCb's repositories that answers here.

    A repository that hangs is left out, and told.
    """

    name = "LHCbAddCVMFSTags"
    needs_certificates = False

    def execute(self) -> None:
        for name in REPOSITORIES:
            path = "/cvmfs/" + name
            look = look_by_child(["ls", path])
            if look.timed_out:
                self.log.warn("%s does not answer", path)
            elif look.exit_code == 0 and look.stdout.strip() and path not in self.pp.tags:
                self.pp.tags.append(path)
        self.write_options({DEFAULTS + "Tag": ", ".join(self.pp.tags)})
