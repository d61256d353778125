"""Installs software: from an environment script, an archive, pip, an installer or git; each
function makes one attempt.

An archive or a clone is built in a temporary directory and renamed, so that a retry starts clean.
"""

import logging
import os
import shlex
import shutil
import time
from typing import Callable, Dict, List, Optional, Tuple

from pilot.base.python import interpreter
from pilot.base import archive, fetch, process, shell
from pilot.context import Context
from pilot.errors import StepFailed, lacking
from pilot.facts import InstallAttempt, Installation
from pilot.install.source import Source

FOLDER = "software"
log = logging.getLogger("pilot.Install")


def first_that_works(
    ctx: Context, sources: Tuple[Source, ...], ways: "Optional[Ways]" = None
) -> Tuple[Optional[Installation], List[InstallAttempt]]:
    """Try the sources in order. Return the installation (None if no source worked) and all
    attempts. `ways` replaces the default functions."""
    attempts: List[InstallAttempt] = []
    for one in sources:
        began = time.monotonic()
        installed, problem = _attempt(ctx, one, ways or WAYS)
        attempts.append(
            InstallAttempt(
                one.text(), installed is not None, round(time.monotonic() - began, 3), problem
            )
        )
        if installed is not None:
            return installed._replace(attempts=tuple(attempts)), attempts
        log.warning("%s did not work: %s", one.text(), problem)
    return None, attempts


def _attempt(ctx: Context, one: Source, ways: "Ways") -> Tuple[Optional[Installation], str]:
    work = Work(ctx, one, time.monotonic() + ctx.settings["install_timeout_s"])
    try:
        return ways[one.kind](work), ""
    except StepFailed as error:
        return None, str(error)
    except (OSError, ImportError) as error:  # a Python without ssl: another source may not need it
        return None, lacking(error) or "%s" % error
    finally:
        work.remove_unfinished()


class Work:
    """One attempt. Files are built in `fresh`; when they are complete, `fresh` or a part of it
    becomes `folder`."""

    def __init__(self, ctx: Context, one: Source, deadline: float) -> None:
        self.ctx, self.one, self._deadline = ctx, one, deadline
        self.folder = ctx.path(FOLDER)
        self.fresh = ctx.path("%s.new-%d" % (FOLDER, os.getpid()))
        self._kept = False
        shutil.rmtree(self.fresh, ignore_errors=True)

    def remove_unfinished(self) -> None:
        """Remove unfinished files, and the folder itself unless the installation succeeded."""
        shutil.rmtree(self.fresh, ignore_errors=True)
        if not self._kept:
            shutil.rmtree(self.folder, ignore_errors=True)

    def finish_install(self, environ: Dict[str, str]) -> Installation:
        """The installation is complete and in its folder: keep the folder."""
        self._kept = True
        return Installation(self.one.text(), self.folder, environ)

    def left_s(self) -> float:
        """The seconds left for this attempt. Raises StepFailed when the time is over."""
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise StepFailed("longer than --install-timeout-s allows")
        return left

    def fetch_file(self, url: str) -> str:
        """Download the file at a URL or path and verify its checksum."""
        os.makedirs(self.fresh, exist_ok=True)
        path = os.path.join(self.fresh, ".download")
        place = (
            url
            if "://" in url
            else "file://" + os.path.abspath(os.path.join(self.ctx.workdir, url))
        )
        fetch.download(place, path, self.left_s(), self.one.checksum)
        return path

    def run(
        self, argv: List[str], cwd: Optional[str] = None, environ: Optional[Dict[str, str]] = None
    ) -> process.Result:
        """Run a program; it must succeed within the time left."""
        return process.run(
            argv,
            timeout_s=self.left_s(),
            environ=environ or self.ctx.environ,
            cwd=cwd or self.ctx.workdir,
            on_line=lambda line: log.debug("%s", line),
        )

    def move_into_place(self, path: str) -> Installation:
        """Move `path` to the installation folder and determine its environment."""
        shutil.rmtree(self.folder, ignore_errors=True)
        os.replace(path, self.folder)
        return self.finish_install(self.environ_of(self.folder))

    def environ_of(self, folder: str) -> Dict[str, str]:
        """The changes of the environment: those of the setup script, if one is configured, and bin/
        as the first folder on PATH."""
        before, variables = self.ctx.environ, {}
        script = self.ctx.settings["install_setup"]
        if script:
            variables = changes(
                before, shell.shell_environ([os.path.join(folder, script)], before, self.left_s())
            )
        binaries = os.path.join(folder, "bin")
        if os.path.isdir(binaries):
            path = variables.get("PATH", before["PATH"])
            variables["PATH"] = binaries + os.pathsep + path
        return variables


def changes(before: Dict[str, str], after: Dict[str, str]) -> Dict[str, str]:
    """The variables that are new or have a new value."""
    return {name: value for name, value in after.items() if before.get(name) != value}


def only_folder(folder: str) -> str:
    """The single folder inside `folder`, as in most tarballs, else `folder` itself."""
    names = [name for name in os.listdir(folder) if name != ".download"]
    inner = os.path.join(folder, names[0]) if len(names) == 1 else folder
    return inner if os.path.isdir(inner) and not os.path.islink(inner) else folder


def script_words(one: Source) -> List[str]:
    """The environment script and its arguments; quotes protect blanks. Raises StepFailed if the
    file does not exist."""
    try:
        words = shlex.split(one.what)
    except ValueError as error:
        raise StepFailed("%r: %s" % (one.what, error))
    if not words or not os.path.isfile(words[0]):
        raise StepFailed("there is no %s" % (words[0] if words else "script"))
    return words


def _environment_script(work: Work) -> Installation:
    words = script_words(work.one)
    script = words[0]
    after = shell.shell_environ(words, work.ctx.environ, work.left_s())
    return Installation(work.one.text(), os.path.dirname(script), changes(work.ctx.environ, after))


def _archive(work: Work) -> Installation:
    path = work.fetch_file(work.one.what)
    unpacked = os.path.join(work.fresh, "unpacked")
    archive.unpack(path, unpacked)
    return work.move_into_place(only_folder(unpacked))


def _pip(work: Work) -> Installation:
    os.makedirs(work.ctx.workdir, exist_ok=True)
    # a venv cannot be moved: its scripts contain its path
    shutil.rmtree(work.folder, ignore_errors=True)
    work.run([interpreter(), "-m", "venv", work.folder])
    pip = [
        os.path.join(work.folder, "bin", "python"),
        "-m",
        "pip",
        "install",
        "--disable-pip-version-check",
        "--no-input",
    ]
    work.run(pip + list(work.ctx.settings["pip_options"]) + work.one.what.split())
    return work.finish_install(dict(work.environ_of(work.folder), VIRTUAL_ENV=work.folder))


def _installer(work: Work) -> Installation:
    words = work.one.what.split()
    path = work.fetch_file(words[0])
    shutil.rmtree(work.folder, ignore_errors=True)
    os.makedirs(work.folder)
    work.run(["bash", path] + words[1:], cwd=work.folder)
    return work.finish_install(work.environ_of(work.folder))


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
        # --branch does not accept a commit: clone the complete history
        shutil.rmtree(target, ignore_errors=True)
        work.run(["git", "clone", "--quiet", "--no-checkout", "--", url, target])
        work.run(["git", "-c", "advice.detachedHead=false", "checkout", "--quiet", ref], cwd=target)
    return work.move_into_place(target)


def git_words(text: str) -> Tuple[str, str]:
    """The URL and ref of URL@REF. The @ of user@host does not start a ref."""
    head, at, ref = text.rpartition("@")
    return (
        (head, ref)
        if at and "/" in head.split("://")[-1] and ":" not in ref and "//" not in ref
        else (text, "")
    )


def _nothing(work: Work) -> Installation:
    return Installation("none", "", {})


Ways = Dict[str, Callable[[Work], Installation]]
WAYS: Ways = {
    "env": _environment_script,
    "archive": _archive,
    "pip": _pip,
    "installer": _installer,
    "git": _git,
    "none": _nothing,
}
