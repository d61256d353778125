"""InstallDIRAC: makes DIRAC's client usable: what is installed already, what lies on CVMFS, else DIRACOS and pip."""

import os
import shlex
from typing import Dict, List, Tuple

from commands.install import Install
from pilot import installation
from pilot.command import Option
from pilot.errors import InstallFailed
from pilot.facts import Installation
from pilot.source import Source

from . import certificates, diracos
from .command import DiracCommand
from .options import pick, value

SCRIPT = "diracosrc"
ENVIRONMENT, BASHRC = "environmentSourceDirac", "bashrc"
ONLY_CVMFS, ONLY_LOCAL = "cvmfsOnly", "diracInstallOnly"
NEWEST = "pro"


class InstallDIRAC(DiracCommand, Install):
    """Make DIRAC usable: preinstalled, from CVMFS, or installed here (DIRACOS and pip); the first that works."""

    name = "InstallDIRAC"
    options: Tuple[Option, ...] = DiracCommand.options + Install.options + pick(
        "release_version", "release_project", "preinstalled_env", "preinstalled_env_prefix", "cvmfs_locations", "modules",
        "pip_install_options", "diracos_url", "max_number_of_processors")
    provides = (Installation,)
    uses = Install.uses
    timeout_s = Install.timeout_s
    failure = InstallFailed

    def execute(self) -> None:
        pp, ctx = self.pp, self.pp.context
        sources = tuple(ctx.settings["install"]) or self.sources()
        if not sources:
            raise InstallFailed("nothing is installed for all, and %s forbids to install here" % ONLY_CVMFS)
        ways = dict(installation.WAYS, diracos=lambda work: diracos.install(work, self))
        found, attempts = installation.first_that_works(ctx, sources, ways)
        if found is None:
            raise InstallFailed("no source worked: " + "; ".join("%s: %s" % (one.source, one.reason) for one in attempts))
        pp.installation = "local" if found.source.startswith("diracos") else "shared"
        pp.installEnv = dict(pp.installEnv, **found.environ)
        pp.installEnv.update(value(ctx.settings, "user_env_variables"))
        self._leave_files(dict(found.environ, **dict(value(ctx.settings, "user_env_variables"))))
        self.log.info("DIRAC from %s after %.1f s", found.source, attempts[-1].seconds)
        self.program(["dirac-version"], ok=None)
        self.found = (found,)

    def sources(self) -> Tuple[Source, ...]:
        """What is tried, in order."""
        words, found = self.pp.words(), []
        if ONLY_LOCAL not in words:
            found = [Source("env", path) for path in self.installed()]
        if ONLY_CVMFS not in words:
            found.append(Source("diracos", self.pp.context.settings["diracos_url"]))
        return tuple(found)

    def installed(self) -> List[str]:
        """The environment scripts that are there; a place that hangs is passed over."""
        pp, seen = self.pp, []
        if pp.preinstalledEnv:
            candidates = [pp.preinstalledEnv]
        else:
            candidates = [os.path.join(place, self.folder(), SCRIPT) for place in
                          ([pp.preinstalledEnvPrefix] if pp.preinstalledEnvPrefix else
                           [os.path.join(location, pp.releaseProject.lower() + "dirac") for location in pp.CVMFS_locations])]
        for path in (os.path.expandvars(candidate) for candidate in candidates):
            result = certificates.look(["test", "-r", path])
            if result.exit_code == 0 and not result.timed_out:
                seen.append(shlex.quote(path))
            else:
                self.log.info("%s %s", path, "does not answer" if result.timed_out else "is not there")
        return seen

    def folder(self) -> str:
        """<version or pro>/<platform>"""
        return os.path.join(self.releaseVersion or NEWEST, "Linux-" + os.uname().machine)

    def _leave_files(self, environ: Dict[str, str]) -> None:
        """Two scripts that make the same environment in a shell, made anew each time."""
        text = "".join("export %s=%s\n" % (name, shlex.quote(value)) for name, value in sorted(environ.items()) if name.isidentifier())
        for name in (ENVIRONMENT, BASHRC):
            path = os.path.join(self.pp.workingDir, name)
            descriptor = os.open(path + ".part", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with open(descriptor, "w", encoding="utf-8", errors="surrogateescape") as stream:
                stream.write(text)
            os.replace(path + ".part", path)
