"""GitInstallDIRAC: installs DIRAC's dependencies as InstallDIRAC does, and DIRAC's code from
git."""

import os

from pilot.install import ways
from pilot.command import Option
from pilot.errors import InstallFailed
from pilot.install.source import Source

from pilot_dirac.install_dirac import InstallDIRAC


class GitInstallDIRAC(InstallDIRAC):
    """Make DIRAC usable as InstallDIRAC does, then put the code of a git repository before it."""

    name = "GitInstallDIRAC"
    options = InstallDIRAC.options + (
        Option(
            "git_url",
            "the repository of DIRAC's code",
            default="https://github.com/DIRACGrid/DIRAC.git",
        ),
        Option("git_ref", "branch, tag or commit (default: the repository's own)", default=""),
    )

    def execute(self) -> None:
        super().execute()
        pp, settings = self.pp, self.pp.context.settings
        what = settings["git_url"] + ("@" + settings["git_ref"] if settings["git_ref"] else "")
        code, attempts = ways.first_that_works(pp.context, (Source("git", what),))
        if code is None:
            raise InstallFailed("%s: %s" % (what, attempts[-1].reason))
        inner = os.path.join(code.path, "src")
        path = inner if os.path.isdir(inner) else code.path
        before = pp.installEnv.get("PYTHONPATH")
        pp.installEnv["PYTHONPATH"] = path + (os.pathsep + before if before else "")
        self.log.info("DIRAC's code from %s", what)
