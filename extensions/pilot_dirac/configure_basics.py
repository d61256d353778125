"""ConfigureBasics: creates pilot.cfg with dirac-configure."""

import os
import shlex
from typing import Dict, List

from pilot.facts import Configuration

from .command import USE_CERTIFICATE, DiracCommand
from .options import pick_options, setting_value

DEBUG = "-ddd"


class ConfigureBasics(DiracCommand):
    """Write pilot.cfg: servers, release, VO, security; dirac-configure is started here alone."""

    name = "ConfigureBasics"
    options = DiracCommand.options + pick_options(
        "configuration_servers",
        "release_version",
        "release_project",
        "gateway",
        "user_group",
        "owner_dn",
        "use_server_certificate",
        "cert_location",
        "cvmfs_locations",
        "preferred_url_patterns",
        "extra_packages",
    )
    provides = (Configuration,)

    def execute(self) -> None:
        if not self.pp.knows_servers():
            raise self.failure(
                "%s has no ConfigurationServers, and no -C names one: nobody tells how DIRAC is "
                "configured" % self.pp.pilotCFGFile
            )
        self._getBasicsCFG()
        self._getSecurityCFG()
        if self.debugFlag:
            self.cfg.append(DEBUG)
        path = os.path.join(self.pp.workingDir, self.pp.localConfigFile)
        words = [word for fragment in self.cfg for word in shlex.split(fragment)]
        self.pp.installEnv["DIRACSYSCONFIG"] = os.path.realpath(path)
        self.run_program([self.pp.configureScript] + words + ["-O", self.pp.localConfigFile])
        self._link_old_name(path)
        values: Dict[str, object] = {"file": self.pp.localConfigFile}
        self.found = (Configuration(path, values),)

    def _getBasicsCFG(self) -> None:
        """The words about servers and release; communities add theirs to self.cfg."""
        pp = self.pp
        if pp.setup:
            self.cfg += ["-S " + shlex.quote(pp.setup)]
        if pp.configServer:
            self.cfg += ["-C " + shlex.quote(pp.configServer)]
        if pp.releaseProject:
            self.cfg += ["-e " + shlex.quote(pp.releaseProject)]
        if pp.gateway:
            self.cfg += ["-W " + shlex.quote(pp.gateway)]
        self.cfg += option_words(
            {
                "/DIRAC/PreferredURLPatterns": ", ".join(
                    setting_value(pp.context.settings, "preferred_url_patterns")
                ),
                "/LocalSite/ReleaseProject": pp.releaseProject,
                "/AgentJobRequirements/OwnerGroup": pp.userGroup,
                "/AgentJobRequirements/OwnerDN": pp.userDN,
                "/LocalSite/ReleaseVersion": self.releaseVersion,
                "/LocalSite/CVMFS_locations": ",".join(pp.CVMFS_locations),
                "/Resources/Computing/CEDefaults/VirtualOrganization": pp.wnVO,
            }
        )

    def _getSecurityCFG(self) -> None:
        """The words about certificates; communities add theirs to self.cfg."""
        if self.pp.useServerCertificate:
            folder = self.pp.certsLocation
            self.cfg += ["--UseServerCertificate"] + option_words(
                {
                    USE_CERTIFICATE: "yes",
                    "/DIRAC/Security/CertFile": os.path.join(folder, "hostcert.pem"),
                    "/DIRAC/Security/KeyFile": os.path.join(folder, "hostkey.pem"),
                }
            )
        if (self.pp.installation or self.pp.preinstalledEnv) not in ("", "local"):
            self.cfg += ["-DMH"]  # a shared installation has its own certificates and CRLs

    def _link_old_name(self, path: str) -> None:
        """Link etc/dirac.cfg, which old programs read, to pilot.cfg."""
        folder = os.path.join(self.pp.workingDir, "etc")
        link = os.path.join(folder, "dirac.cfg")
        os.makedirs(folder, exist_ok=True)
        if os.path.islink(link):
            os.unlink(link)
        if not os.path.exists(link):
            os.symlink(os.path.relpath(path, folder), link)


def option_words(values: Dict[str, str]) -> List[str]:
    """-o /Section/Name=value for each non-empty value, quoted for a shell."""
    return ["-o " + shlex.quote("%s=%s" % pair) for pair in values.items() if pair[1]]
