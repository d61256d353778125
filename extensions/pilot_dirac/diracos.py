"""Installs DIRACOS, DIRAC's environment of conda packages, into the workdir, and DIRAC into DIRACOS
with pip."""

import os
import shlex
import shutil
from typing import TYPE_CHECKING, List, Sequence, Tuple

from pilot.base import shell
from pilot.facts import Installation
from pilot.install.ways import Work, changes
from pilot.install.source import source

from . import certificates, release
from .log import Logger

if TYPE_CHECKING:
    from .install_dirac import InstallDIRAC

FOLDER, SCRIPT = "diracos", "diracosrc"
ON_CVMFS = "/cvmfs/dirac.egi.eu/installSource/DIRACOS-Linux-%s.sh"
NEWEST = "https://github.com/DIRACGrid/DIRACOS2/releases/latest/download/DIRACOS-Linux-%s.sh"
ARCHIVES = (".tar.gz", ".tgz", ".tar.bz2", ".zip", ".whl")
# a very high limit of open files makes the installer's micromamba fail or very slow
RUN = 'n=$(ulimit -n); if [ "$n" = unlimited ] || [ "$n" -gt 1048575 ]; then ulimit -n 1048575; fi; exec bash "$@"'


def install_diracos(work: Work, command: "InstallDIRAC") -> Installation:
    """Try the installation once. Raises StepFailed."""
    pp, ctx = command.pp, work.ctx
    target, before = ctx.path(FOLDER), dict(ctx.environ, **pp.module_changes)
    shutil.rmtree(target, ignore_errors=True)  # an earlier attempt may have left an incomplete one
    path = _find_installer(work, command.log)
    ctx.environ["MAMBA_EXTRACT_THREADS"] = str(pp.maxNumberOfProcessors or 1)
    work.run(["bash", "-c", RUN, "bash", path])
    rc = os.path.join(target, SCRIPT)
    more = pp.user_variables()
    if more:
        with open(rc, "a", encoding="utf-8") as stream:
            stream.write(
                "".join("export %s=%s\n" % (name, shlex.quote(text)) for name, text in more.items())
            )
    environ = shell.shell_environ([rc], dict(before, DIRAC_RC_PATH=rc), work.left_s())
    for words in pip_requirements(pp.releaseProject, pp.releaseVersion, ctx.settings["modules"]):
        work.run(["pip", "install"] + pp.pipInstallOptions.split() + words, environ=environ)
    command.after = shell.shell_environ([rc], dict(before, DIRAC_RC_PATH=rc), work.left_s())
    return Installation(work.one.text(), target, changes(ctx.environ, command.after))


def _find_installer(work: Work, log: Logger) -> str:
    """The installer's path: as the source names it, on CVMFS, or downloaded from GitHub."""
    machine = os.uname().machine
    if work.one.what:
        wanted = source("installer:" + work.one.what)
        work.one = work.one._replace(checksum=wanted.checksum)
        return work.fetch_file(wanted.what)
    shared = ON_CVMFS % machine
    if certificates.look_by_child(["test", "-r", shared]).exit_code == 0:
        return shared
    log.warn(
        "DIRACOS is the newest one and unchecked: --diracos-url URL#sha256:HEX names a certain one"
    )
    return work.fetch_file(NEWEST % machine)


def pip_requirements(
    project: str, version: str, modules: Sequence[Tuple[str, str, str]]
) -> List[List[str]]:
    """The arguments of each pip install: the project's release, or the modules."""
    if not modules:
        return [["%sDIRAC[pilot]%s" % (project, release.pinned_version(version))]]
    return [[_pip_word(*module)] for module in modules]


def _pip_word(url: str, name: str, branch: str) -> str:
    """A module in the form that pip takes: a path (a folder, a tarball, a wheel), an archive's URL,
    or else git."""
    if "://" not in url and not branch:
        return url + "[pilot]"
    if url.endswith(ARCHIVES):
        return "%s[pilot] @ %s" % (name, url)
    form = url if "://" in url else "file://" + os.path.abspath(url)
    mark = "" if form.startswith("git+") else "git+"
    return "%s[pilot] @ %s%s%s" % (name, mark, form, "@" + branch if branch else "")
