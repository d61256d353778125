"""Install: makes the community's software usable from the first source that works."""

import logging
import os
import shutil
import time
from typing import Callable, Dict, List, NamedTuple, Optional, Tuple

from pilot import archive, fetch, process, program, values
from pilot.command import Command, Option
from pilot.context import Context
from pilot.errors import InstallFailed, StepFailed
from pilot.facts import InstallAttempt, Installation
from pilot.settings import nearest

FOLDER = "software"
log = logging.getLogger("pilot.Install")


class Source(NamedTuple):
    """One place the software may come from: `KIND:WHAT`, with `#sha256:HEX` where a file is fetched."""

    kind: str
    what: str
    checksum: str = ""

    def text(self) -> str:
        """As the operator wrote it."""
        return self.kind + (":" + self.what if self.what else "") + ("#" + self.checksum if self.checksum else "")


def source(text: str) -> Source:
    """env:SCRIPT [ARGS], archive:URL[#CHECKSUM], pip:REQUIREMENT, installer:URL[#CHECKSUM] [ARGS],
    git:URL[@REF], none; ValueError for anything else."""
    kind, _, what = text.strip().partition(":")
    if kind not in KINDS:
        raise ValueError("%r is no source of software%s; the kinds are %s" % (text, nearest(kind, KINDS), ", ".join(KINDS)))
    if bool(what.strip()) == (kind == "none"):
        raise ValueError("%r: %s" % (text, "none takes nothing more" if kind == "none" else "after %s: comes what to install" % kind))
    checksum = ""
    if kind in ("archive", "installer") and "#" in what:
        what, _, rest = what.partition("#")
        checksum, _, arguments = rest.partition(" ")
        what = (what + " " + arguments).strip()
        fetch.parse_checksum(checksum)
    return Source(kind, what.strip(), checksum)


class Install(Command):
    """Install the community's software: the first of the sources that works wins."""

    name = "Install"
    options = (
        Option("install", "a source; several are tried in order: env:SCRIPT, archive:URL#sha256:HEX, pip:REQUIREMENT, "
                          "installer:URL, git:URL@REF, none", source, (), repeat=True),
        Option("install_timeout_s", "seconds each attempt may take", values.seconds, 900.0),
        Option("install_setup", "a script inside what was unpacked that sets the environment"),
        Option("pip_options", "further options of pip install", values.words, ()),
    )
    provides = (Installation,)
    timeout_s = 4 * 3600.0
    failure = InstallFailed

    def run(self, ctx: Context) -> Tuple[object, ...]:
        sources = ctx.settings["install"] or (Source("none", ""),)
        attempts: List[InstallAttempt] = []
        for one in sources:
            began = time.monotonic()
            found, problem = self._attempt(ctx, one)
            attempts.append(InstallAttempt(one.text(), found is not None, round(time.monotonic() - began, 3), problem))
            if found is not None:
                self.log.info("software from %s after %.1f s", one.text(), attempts[-1].seconds)
                return (found._replace(attempts=tuple(attempts)),)
            self.log.warning("%s did not work: %s", one.text(), problem)
        raise InstallFailed("no source worked: " + "; ".join("%s: %s" % (a.source, a.reason) for a in attempts))

    def _attempt(self, ctx: Context, one: Source) -> Tuple[Optional[Installation], str]:
        work = Work(ctx, one, time.monotonic() + ctx.settings["install_timeout_s"])
        try:
            return KINDS[one.kind](work), ""
        except StepFailed as error:
            return None, str(error)
        except OSError as error:
            return None, "%s" % error
        finally:
            shutil.rmtree(work.fresh, ignore_errors=True)


class Work:
    """One attempt: made in `fresh`, which becomes `folder` only when it is whole."""

    def __init__(self, ctx: Context, one: Source, deadline: float) -> None:
        self.ctx, self.one, self._deadline = ctx, one, deadline
        self.folder = ctx.path(FOLDER)
        self.fresh = ctx.path("%s.new-%d" % (FOLDER, os.getpid()))
        shutil.rmtree(self.fresh, ignore_errors=True)

    def left_s(self) -> float:
        """Seconds this attempt may still take; StepFailed when there are none."""
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise StepFailed("longer than --install-timeout-s allows")
        return left

    def fetched(self, url: str) -> str:
        """The file behind a URL or path, its checksum verified."""
        os.makedirs(self.fresh, exist_ok=True)
        path = os.path.join(self.fresh, ".download")
        place = url if "://" in url else "file://" + os.path.abspath(os.path.join(self.ctx.workdir, url))
        fetch.download(place, path, self.left_s(), self.one.checksum)
        return path

    def run(self, argv: List[str], cwd: Optional[str] = None) -> process.Result:
        """A program that must end well within the time left."""
        return process.run(argv, timeout_s=self.left_s(), environ=self.ctx.environ, cwd=cwd or self.ctx.workdir,
                           on_line=lambda line: log.debug("%s", line))

    def keep(self, path: str) -> Installation:
        """Put what was made at `path` into place and find its environment."""
        shutil.rmtree(self.folder, ignore_errors=True)
        os.replace(path, self.folder)
        return Installation(self.one.text(), self.folder, self.environ_of(self.folder))

    def environ_of(self, folder: str) -> Dict[str, str]:
        """What changes in the environment: the setup script's work if one is named, and bin/ first on PATH."""
        before, found = self.ctx.environ, {}
        script = self.ctx.settings["install_setup"]
        if script:
            found = changes(before, process.shell_environ([os.path.join(folder, script)], before, self.left_s()))
        binaries = os.path.join(folder, "bin")
        if os.path.isdir(binaries):
            path = found.get("PATH", before["PATH"])
            found["PATH"] = binaries + os.pathsep + path
        return found


def changes(before: Dict[str, str], after: Dict[str, str]) -> Dict[str, str]:
    """The variables that are new or different."""
    return {name: value for name, value in after.items() if before.get(name) != value}


def only_folder(folder: str) -> str:
    """The folder itself, or the single folder in it that most tarballs have."""
    names = [name for name in os.listdir(folder) if name != ".download"]
    inner = os.path.join(folder, names[0]) if len(names) == 1 else folder
    return inner if os.path.isdir(inner) and not os.path.islink(inner) else folder


def _environment_script(work: Work) -> Installation:
    words = work.one.what.split()
    script = words[0]
    if not os.path.isfile(script):
        raise StepFailed("there is no %s" % script)
    after = process.shell_environ(words, work.ctx.environ, work.left_s())
    return Installation(work.one.text(), os.path.dirname(script), changes(work.ctx.environ, after))


def _archive(work: Work) -> Installation:
    path = work.fetched(work.one.what)
    unpacked = os.path.join(work.fresh, "unpacked")
    archive.unpack(path, unpacked)
    return work.keep(only_folder(unpacked))


def _pip(work: Work) -> Installation:
    os.makedirs(work.ctx.workdir, exist_ok=True)
    shutil.rmtree(work.folder, ignore_errors=True)  # a venv cannot be moved: its scripts name its place
    work.run([program.interpreter(), "-m", "venv", work.folder])
    pip = [os.path.join(work.folder, "bin", "python"), "-m", "pip", "install", "--disable-pip-version-check", "--no-input"]
    work.run(pip + list(work.ctx.settings["pip_options"]) + work.one.what.split())
    return Installation(work.one.text(), work.folder, dict(work.environ_of(work.folder), VIRTUAL_ENV=work.folder))


def _installer(work: Work) -> Installation:
    words = work.one.what.split()
    path = work.fetched(words[0])
    os.makedirs(work.folder, exist_ok=True)
    work.run(["bash", path] + words[1:], cwd=work.folder)
    return Installation(work.one.text(), work.folder, work.environ_of(work.folder))


def _git(work: Work) -> Installation:
    url, ref = git_words(work.one.what)
    clone = ["git", "-c", "advice.detachedHead=false", "clone", "--quiet", "--depth", "1"]
    branch = ["--branch", ref] if ref else []
    os.makedirs(work.fresh, exist_ok=True)
    target = os.path.join(work.fresh, "clone")
    try:
        work.run(clone + branch + ["--", url, target])
    except process.ProgramFailed:
        if not ref:
            raise
        shutil.rmtree(target, ignore_errors=True)  # a commit is no branch: it needs the whole history
        work.run(["git", "clone", "--quiet", "--no-checkout", "--", url, target])
        work.run(["git", "-c", "advice.detachedHead=false", "checkout", "--quiet", ref], cwd=target)
    return work.keep(target)


def git_words(text: str) -> Tuple[str, str]:
    """URL and ref of URL@REF; the @ of user@host is none."""
    head, at, ref = text.rpartition("@")
    return (head, ref) if at and "/" in head.split("://")[-1] and ":" not in ref and "//" not in ref else (text, "")


def _nothing(work: Work) -> Installation:
    return Installation("none", "", {})


KINDS: Dict[str, Callable[[Work], Installation]] = {
    "env": _environment_script,
    "archive": _archive,
    "pip": _pip,
    "installer": _installer,
    "git": _git,
    "none": _nothing,
}
__all__ = ["Install", "Source", "source"]
