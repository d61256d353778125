"""`python3 -m pilot.ship WORLD [options] -o DIR [-- pilot's own options]`: writes what that world
expects."""

import argparse
import os
import shlex
import sys
from typing import Callable, Dict, List, Optional, Sequence, Tuple

from pilot import values
from pilot.engine import onefile
from pilot.ops.bundle import make
from pilot.engine import request
from pilot.errors import UsageError
from pilot.ops.ship import check, cloud
from pilot.ops.ship.order import Journey, Order, Parcel
from pilot.ops.ship.worlds import WORLDS, useless_options
from pilot.ops.tool import ToolParser, run_tool


def make_parser() -> argparse.ArgumentParser:
    """Return the command line parser for the words before --. The words after -- are the
    pilot's."""
    top = ToolParser(
        prog="pilot.ship",
        description="Write the files that start a pilot in a batch system, a cloud or another world of workers.",
        epilog="Words after -- are the pilot's own options.",
    )
    worlds = sorted(WORLDS)
    top.add_argument("world", choices=worlds, metavar="WORLD", help=", ".join(worlds))
    output = "the folder to write into; created if it does not exist"
    top.add_argument("-o", "--output", required=True, metavar="DIR", help=output)
    top.add_argument("--pilot", metavar="FILE", help="the zip form to ship (default: this program)")
    top.add_argument("--config", metavar="FILE", help="a pilot.json to build in")
    extension = "a package pilot_* to include"
    top.add_argument("--extension", action="append", default=[], metavar="DIR", help=extension)
    top.add_argument("--cores", type=_check_values(values.count), metavar="N")
    memory = "of the whole slot: 4000, 4G"
    top.add_argument("--memory", type=_check_values(values.megabytes), metavar="MB", help=memory)
    top.add_argument(
        "--walltime", type=_check_values(values.seconds), metavar="TIME", help="3600, 90m, 48h"
    )
    top.add_argument("--warn", type=_check_values(values.seconds), default=120.0, metavar="TIME",
                     help="how long before the end the system warns the pilot (default: 120)")
    top.add_argument("--queue", default="", metavar="NAME", help="queue or partition")
    top.add_argument(
        "--count", type=_check_values(values.count), default=1, metavar="N", help="how many pilots"
    )
    top.add_argument(
        "--image", default="", metavar="NAME", help="the container image, for kubernetes"
    )
    _add_job_options(top)
    _add_cloud_options(top)
    return top


def _add_job_options(top: argparse.ArgumentParser) -> None:
    jobs = top.add_argument_group("for batch systems")
    jobs.add_argument("--name", default="pilot", help="the name of the job (default: pilot)")
    jobs.add_argument("--environment", action="append", default=[], metavar="NAME=VALUE",
                      type=_check_values(values.assignment),
                      help="a variable of the job; may be repeated")
    jobs.add_argument("--results", default="", metavar="DIR",
                      help="an existing folder for the job's outputs (default: where it is submitted)")


def _add_cloud_options(top: argparse.ArgumentParser) -> None:
    clouds = top.add_argument_group("for cloud-init; --url, --stay and --resume for vac, too")
    clouds.add_argument(
        "--cloud",
        choices=sorted(cloud.CLOUDS),
        default="nocloud",
        help="the cloud whose limit on user-data applies",
    )
    clouds.add_argument(
        "--url",
        action="append",
        default=[],
        help="the URL of the pilot for the machine; may be repeated",
    )
    clouds.add_argument("--format", choices=cloud.FORMATS, default="script")
    clouds.add_argument(
        "--stay", action="store_true", help="do not power the machine off when the pilot has ended"
    )
    clouds.add_argument(
        "--resume",
        action="store_true",
        help="run again after a reboot during the work (default: never twice)",
    )


def _check_values(parse: Callable[[str], object]) -> Callable[[str], object]:
    def read_value(text: str) -> object:
        try:
            return parse(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error))

    return read_value


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Write the files and return the exit code. Errors appear as sentences on stderr."""
    return run_tool("pilot.ship", argv, _run_tool)


def _run_tool(words: List[str]) -> int:
    mine, theirs = _split_words(words)
    given = make_parser().parse_args(mine)
    if not given.count:
        raise UsageError("--count must be 1 or more")
    if given.cores == 0:
        raise UsageError("--cores must be 1 or more")
    _check_options(given, theirs)
    files = make.files_for_nodes(
        onefile.files_of(given.pilot) if given.pilot else onefile.own_files()
    )
    files = onefile.with_extras(
        files, given.extension, make.packed_defaults(given.config) if given.config else None
    )
    order = _make_order(given, files, theirs)
    variables = ["=".join(pair) for pair in given.environment]
    secret = check.has_secret(theirs + variables, files.get(onefile.DEFAULTS, b""))
    world = WORLDS[given.world]
    _deliver_files(world.ship(order), given.output, secret)
    if secret and world.secret_note:
        print(world.secret_note)
    return 0


def _make_order(given: argparse.Namespace, files: Dict[str, bytes], words: List[str]) -> Order:
    journey = Journey(given.cloud, tuple(given.url), given.format, not given.stay, given.resume)
    return Order(
        files,
        tuple(words),
        given.cores or None,
        given.memory or None,
        given.walltime or None,
        given.queue,
        given.count,
        given.warn,
        given.image,
        given.name,
        tuple(given.environment),
        given.results,
        journey,
    )


def _check_options(given: argparse.Namespace, theirs: List[str]) -> None:
    default = {name: make_parser().get_default(name) for name in vars(given)}
    problems = useless_options(WORLDS[given.world], vars(given), default)
    names = [given.queue, given.image, given.name, given.results] + given.url
    problems += check.odd_texts(names, theirs)
    problems += check.odd_variables(given.environment)
    problems += ["--url: an empty one" for url in given.url if not url]
    if given.walltime and "warn" in WORLDS[given.world].options and given.warn >= given.walltime:
        problems.append(
            "--warn %g: the slot of %g s would be warned at its start"
            % (given.warn, given.walltime)
        )
    if problems:
        raise UsageError(*problems)
    _check_words(theirs)


def _check_words(words: List[str]) -> None:
    """Check the pilot's words. UsageError for options and commands that no pilot has. Files and
    pools are on another machine, so they are not checked."""
    try:
        request.parse(words, {}, os.getcwd())
    except UsageError as error:
        problems = [
            problem
            for problem in error.problems
            if problem.startswith(("unknown option", "unknown command"))
        ]
        if problems:
            raise UsageError(*["behind --: %s" % problem for problem in problems])


def _split_words(words: List[str]) -> Tuple[List[str], List[str]]:
    at = words.index("--") if "--" in words else len(words)
    return words[:at], words[at + 1:]


def _deliver_files(parcel: Parcel, folder: str, secret: bool) -> None:
    try:
        os.makedirs(folder, exist_ok=True)
    except OSError as error:
        raise UsageError("%s cannot be made: %s" % (folder, error.strerror))
    for name, data in parcel.files.items():
        onefile.write_program(
            os.path.join(folder, name),
            data,
            (0o755 if data.startswith(b"#!") else 0o644) & (0o700 if secret else 0o777),
        )
        print("%s: %d bytes" % (os.path.join(folder, name), len(data)))
    if secret:
        print(
            "\nThese files contain a token or a password: only you may read them and their copies."
        )
    print("\nUse it:\n  cd %s" % shlex.quote(folder))
    for line in parcel.use:
        print("  " + line)


if __name__ == "__main__":
    sys.exit(main())
