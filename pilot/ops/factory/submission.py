"""Makes the files of a submission: the pilot's script and its tokens, in a new folder."""

import contextlib
import hashlib
import os
import random
import shutil
from typing import Callable, Dict, List, Optional

from pilot.base.files import write_file
from pilot.engine import onefile
from pilot.errors import UsageError
from pilot.ops.bundle import make
from pilot.ops.factory.backends.backend import TOKEN, Backend, Submission
from pilot.ops.factory.config import Farm, Site
from pilot.ops.factory.jobs import pilot_id

LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"  # two of them name at most 1,000 folders
SCRIPT = "pilot-job.py"
RESULTS = "outputs"  # in a pilot's working directory: what tasks brought out
TOKEN_S = 7 * 86400.0  # a submission may wait so long in a queue
Mint = Callable[[str, int, float], str]  # prefix of ids, number of pilots, seconds -> a start token


def code_of(book: str) -> str:
    """Three letters that stand for this book in its tags: two factories of one user do not take
    each other's jobs for their own, and a book that was lost finds its jobs again."""
    number = int(hashlib.sha256(os.path.abspath(book).encode("utf-8", "replace")).hexdigest(), 16)
    count = len(LETTERS)
    return "".join(LETTERS[number // count ** place % count] for place in range(3))


def new_tag(book: str, rng: Optional[random.Random] = None) -> str:
    """A name that no submission has had: a letter, the book's code and 8 more, which fits the job
    name of every batch system."""
    source = rng or random.SystemRandom()
    return "p" + code_of(book) + "".join(source.choice(LETTERS) for _ in range(8))


def folder_of(book: str, tag: str) -> str:
    """The folder of a submission."""
    return os.path.join(book, "outputs", tag[4:6], tag)


class PilotFiles:
    """The program that is submitted: a zip form that the farm names, or this program."""

    def __init__(self, farm: Farm) -> None:
        try:
            files = onefile.files_of(farm.pilot) if farm.pilot else onefile.own_files()
        except UsageError as error:
            raise UsageError("%s: [factory] pilot: %s" % (farm.path, error))
        self._files: Dict[str, bytes] = make.files_for_nodes(files)
        self.sha256 = hashlib.sha256(onefile.zip_bytes(self._files)).hexdigest()

    def write_submission(
        self, site: Site, tag: str, count: int, book: str, backend: Backend, mint: Optional[Mint]
    ) -> Submission:
        """Write the script, and a start token if there is a mint. OSError when the disk is full;
        Busy when the server makes no token."""
        folder = folder_of(book, tag)
        os.makedirs(folder, 0o700)
        index = "${%s}" % backend.index_variable
        words = pilot_words(site, tag, backend.workdir(folder, index), index)
        if mint is not None:
            words = ["--pool-token-file", backend.token_file(folder)] + words
            token = mint(pilot_id(tag, 0)[:-1], count, TOKEN_S)
            write_file(os.path.join(folder, TOKEN), token.encode() + b"\n", 0o600)
        words = backend.pilot_words(site.cores) + words
        script = make.text_bytes(self._files, (), words)
        write_file(os.path.join(folder, SCRIPT), script, 0o700)
        return Submission(
            tag, count, folder, SCRIPT, site.cores, site.memory_mb, site.gpus, site.walltime_s,
            site.queue, site.options, site.environment,
        )


def pilot_words(site: Site, tag: str, workdir: str, index: str) -> "list[str]":
    """The pilot's command line; `index` is the variable of a job's number, which the pilot fills
    in."""
    words = ["-X", site.commands] if site.commands else []
    words += ["--pool", site.pool, "--pilot-id", pilot_id(tag, 0)[:-1] + index]
    if site.pool.startswith(("http://", "https://")):
        words += ["--events", site.pool]  # so that each pilot has its story there
    words += ["--workdir", workdir, "--idle-s", "%g" % site.idle_s, "--site", site.name]
    if site.tags:
        words += ["--tags", ",".join(site.tags)]
    if site.walltime_s is not None:
        words += ["--max-walltime", "%d" % site.walltime_s]
    return words + list(site.pilot_options)


def remove_folder(book: str, tag: str) -> None:
    """Remove the files of a submission, but for the outputs of tasks, which are their owner's."""
    folder = folder_of(book, tag)
    for name in _names_in(folder):
        path = os.path.join(folder, name)
        if _names_in(os.path.join(path, RESULTS)):
            for other in _names_in(path):
                if other != RESULTS:
                    _remove(os.path.join(path, other))
        else:
            _remove(path)
    with contextlib.suppress(OSError):
        os.rmdir(folder)


def _names_in(folder: str) -> List[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []


def _remove(path: str) -> None:
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path, ignore_errors=True)
        return
    with contextlib.suppress(OSError):
        os.unlink(path)


def tidy_folder(book: str, tag: str) -> None:
    """Remove script and tokens of a submission that has ended; the outputs stay."""
    folder = folder_of(book, tag)
    for name in _names_in(folder):
        if name in (SCRIPT, TOKEN):
            _remove(os.path.join(folder, name))
