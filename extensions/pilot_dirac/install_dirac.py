"""InstallDIRAC: makes DIRAC's client usable: from an existing installation, from CVMFS, or with
DIRACOS and pip."""

import os
import shlex
from typing import Dict, List, Optional, Tuple

from commands.install import Install
from pilot.install import ways
from pilot.base import shell
from pilot.base.files import write_file
from pilot.command import Option
from pilot.errors import InstallFailed
from pilot.facts import Installation
from pilot.install.source import Source

from . import certificates, diracos
from .command import DiracCommand
from .dialect import ONLY_CVMFS, ONLY_LOCAL
from .module_environ import set_environ, settle_changes
from .options import pick_options, setting_value

SCRIPT = "diracosrc"
ENVIRONMENT, BASHRC = "environmentSourceDirac", "bashrc"
NEWEST = "pro"


class InstallDIRAC(DiracCommand, Install):
    """Make DIRAC usable: preinstalled, from CVMFS, or installed here (DIRACOS and pip)."""

    name = "InstallDIRAC"
    options: Tuple[Option, ...] = (
        DiracCommand.options
        + Install.options
        + pick_options(
            "release_version",
            "release_project",
            "preinstalled_env",
            "preinstalled_env_prefix",
            "cvmfs_locations",
            "modules",
            "pip_install_options",
            "diracos_url",
            "max_number_of_processors",
        )
    )
    provides = (Installation,)
    uses = Install.uses
    timeout_s = Install.timeout_s
    failure = InstallFailed
    after: Optional[Dict[str, str]] = None  # the complete environment of the installation
    scripts: Optional[List[str]] = None  # those that exist, once they were looked for

    def execute(self) -> None:
        ctx = self.pp.context
        sources = tuple(ctx.settings["install"]) or self.list_sources()
        if not sources:
            raise InstallFailed(
                "nothing is installed for all, and %s forbids to install here" % ONLY_CVMFS
            )
        self.use_first_source(sources)

    def use_first_source(self, sources: Tuple[Source, ...]) -> None:
        """Use the first of these sources that works as DIRAC's environment."""
        pp, ctx = self.pp, self.pp.context
        settle_changes(pp)
        known = dict(
            ways.WAYS,
            env=self._source_script,
            diracos=lambda work: diracos.install_diracos(work, self),
        )
        installation, attempts = ways.first_that_works(ctx, sources, known)
        if installation is None:
            raise InstallFailed(
                "no source worked: "
                + "; ".join("%s: %s" % (one.source, one.reason) for one in attempts)
            )
        pp.installation = "local" if installation.source.startswith("diracos") else "shared"
        after = self.after if self.after is not None else dict(ctx.environ, **installation.environ)
        set_environ(pp, dict(after, **pp.user_variables()))
        self._saveEnvInFile()
        self.log.info("DIRAC from %s after %.1f s", installation.source, attempts[-1].seconds)
        # loads the client into the cache of CVMFS for the later programs
        first = self.run_program(["dirac-version"], ok=None)
        if first.timed_out or first.exit_code:
            self.log.warn("%s", first.describe_end())
        self.found = (installation,)

    def _source_script(self, work: ways.Work) -> Installation:
        """The installation of a script: the variables that it sets and those that it removes."""
        words = ways.script_words(work.one)
        before = dict(work.ctx.environ, **self.pp.module_changes)
        before["DIRAC_RC_PATH"] = words[0]
        self.after = shell.shell_environ(words, before, min(work.left_s(), self.limit_s()))
        return Installation(
            work.one.text(), os.path.dirname(words[0]), ways.changes(work.ctx.environ, self.after)
        )

    def _sourceEnvironmentFile(self) -> None:
        """For modules: DIRAC's environment from $DIRAC_RC_PATH, which the module set."""
        self.use_first_source(
            (
                Source(
                    "env",
                    shlex.quote(
                        os.environ.get("DIRAC_RC_PATH")
                        or self.pp.installEnv.get("DIRAC_RC_PATH", "")
                    ),
                ),
            )
        )

    def _localInstallDIRAC(self) -> None:
        """For modules: DIRACOS and pip, even when a shared installation exists."""
        self.use_first_source((Source("diracos", self.pp.context.settings["diracos_url"]),))

    def list_sources(self) -> Tuple[Source, ...]:
        """The sources to try, in order."""
        words, sources = self.pp.flag_words(), []
        modules = bool(setting_value(self.pp.context.settings, "modules"))
        if modules and ONLY_CVMFS in words:
            self.log.warn("--modules are not installed: %s forbids to install here", ONLY_CVMFS)
        elif modules:
            self.log.info("--modules are installed here; no shared installation is used")
        if ONLY_LOCAL not in words and (not modules or ONLY_CVMFS in words):
            given = self.pp.preinstalledEnv
            self._getPreinstalledEnvScript()
            if self.scripts is None or self.pp.preinstalledEnv not in [given] + self.scripts:
                self.scripts = self.find_installed()  # a module has named another one
            sources = [Source("env", shlex.quote(path)) for path in self.scripts]
        if ONLY_CVMFS not in words:
            sources.append(Source("diracos", self.pp.context.settings["diracos_url"]))
        return tuple(sources)

    def _getPreinstalledEnvScript(self) -> None:
        """Find the environment scripts that exist. Communities override this: the script that
        pp.preinstalledEnv names then is sourced."""
        self.scripts = self.find_installed()
        if self.scripts:
            self.pp.preinstalledEnv = self.scripts[0]

    def find_installed(self) -> List[str]:
        """The environment scripts that exist, without places that do not answer."""
        pp, seen = self.pp, []
        if pp.preinstalledEnv:
            candidates = [pp.preinstalledEnv]
        else:
            candidates = [
                os.path.join(place, self.release_folder(), SCRIPT)
                for place in (
                    [pp.preinstalledEnvPrefix]
                    if pp.preinstalledEnvPrefix
                    else [
                        os.path.join(location, pp.releaseProject.lower() + "dirac")
                        for location in pp.CVMFS_locations
                    ]
                )
            ]
        for path in (os.path.expandvars(candidate) for candidate in candidates):
            result = certificates.look_by_child(["test", "-r", path])
            if result.exit_code == 0 and not result.timed_out:
                seen.append(path)
            else:
                self.log.info(
                    "%s %s", path, "does not answer" if result.timed_out else "is not there"
                )
        return seen

    def release_folder(self) -> str:
        """<version or pro>/<platform>"""
        return os.path.join(self.pp.releaseVersion or NEWEST, "Linux-" + os.uname().machine)

    def _saveEnvInFile(self, eName: str = ENVIRONMENT) -> None:
        """Write scripts that create the same environment in a shell."""
        before, after = self.pp.nodeEnv, self.pp.installEnv
        new = sorted(ways.changes(before, after).items())
        lines = [
            "export %s=%s\n" % (name, shlex.quote(text))
            for name, text in new
            if name.isidentifier()
        ]
        lines += [
            "unset %s\n" % name
            for name in sorted(before)
            if name not in after and name.isidentifier()
        ]
        for name in (eName, BASHRC):
            write_file(
                os.path.join(self.pp.workingDir, name),
                "".join(lines).encode("utf-8", "surrogateescape"),
            )
