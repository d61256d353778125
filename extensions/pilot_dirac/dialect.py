"""Translates DIRAC's command line into the toolbox's words. It reads the line as getopt does: every
option of dirac-pilot.py, abbreviated ones and those without effect included."""

import re
from typing import Dict, List, NamedTuple, Optional, Sequence, Tuple

from pilot import values
from pilot.base import log
from pilot.engine.cli import spellings
from pilot.command import Option
from pilot.errors import UsageError
from pilot.engine.packages import Dialect
from pilot.engine.settings import option_flag

from . import vo


class CommandLineWord(NamedTuple):
    """One of DIRAC's options: `ours` is its name in the toolbox; "" when it has had no effect for
    years."""

    long: str
    ours: str
    short: str = ""
    takes: bool = True


WORDS = (
    CommandLineWord("requiredTag", "required_tag"),
    CommandLineWord("gridCEType", "ce_type", "a"),
    CommandLineWord("cert", "use_server_certificate", "c", False),
    CommandLineWord("debug", "debug", "d", False),
    CommandLineWord("extraPackages", "extra_packages", "e"),
    CommandLineWord("loggerURL", "remote_logger_url", "g"),
    CommandLineWord("help", "help", "h", False),
    CommandLineWord("keepPP", "keep_python_path", "k", False),
    CommandLineWord("project", "release_project", "l"),
    CommandLineWord("maxNumberOfProcessors", "max_number_of_processors", "m"),
    CommandLineWord("name", "site", "n"),
    CommandLineWord("Name", "ce", "N"),
    CommandLineWord("option", "option", "o"),
    CommandLineWord("release", "release_version", "r"),
    CommandLineWord("reference", "reference", "R"),
    CommandLineWord("section", "", "s"),
    CommandLineWord("url", "", "u"),
    CommandLineWord("setup", "setup", "S"),
    CommandLineWord("tag", "tag", "t"),
    CommandLineWord("CPUTime", "cpu_time", "T"),
    CommandLineWord("execute", "execute", "x"),
    CommandLineWord("CEType", "local_ce_type", "y"),
    CommandLineWord("pilotLogging", "remote_logging", "z", False),
    CommandLineWord("configurationServer", "configuration_servers", "C"),
    CommandLineWord("disk", "min_disk_mb", "D"),
    CommandLineWord("commandExtensions", "extensions", "E"),
    CommandLineWord("pilotCFGFile", "config", "F"),
    CommandLineWord("Group", "user_group", "G"),
    CommandLineWord("certLocation", "cert_location", "K"),
    CommandLineWord("MaxCycles", "max_cycles", "M"),
    CommandLineWord("PollingTime", "polling_time"),
    CommandLineWord("StopOnApplicationFailure", "stop_on_application_failure"),
    CommandLineWord("StopAfterFailedMatches", "stop_after_failed_matches"),
    CommandLineWord("OwnerDN", "owner_dn", "O"),
    CommandLineWord("wnVO", "vo"),
    CommandLineWord("pilotProcessors", "pilot_processors", "P"),
    CommandLineWord("Queue", "queue", "Q"),
    CommandLineWord("installation", "", "V"),
    CommandLineWord("gateway", "gateway", "W"),
    CommandLineWord("commands", "commands", "X"),
    CommandLineWord("commandOptions", "command_options", "Z"),
    CommandLineWord("pilotUUID", "pilot_id"),
    CommandLineWord("preinstalledEnv", "preinstalled_env"),
    CommandLineWord("preinstalledEnvPrefix", "preinstalled_env_prefix"),
    CommandLineWord("modules", "modules"),
    CommandLineWord("userEnvVariables", "user_env_variables"),
    CommandLineWord("pipInstallOptions", "pip_install_options"),
    CommandLineWord("architectureScript", "architecture_script"),
    CommandLineWord("CVMFS_locations", "cvmfs_locations"),
    CommandLineWord("diracx_URL", "diracx_url"),
    CommandLineWord("pilotSecret", "pilot_secret"),
    CommandLineWord("clientID", "client_id"),
)
# proposed options: an abbreviation that also fits an old option means the old one
LATER = ("diracx_URL", "pilotSecret", "clientID")
SERVERS = ("dips://", "dip://", "https://", "http://")
SECRET = "pilot_secret"
# the words of -o that InstallDIRAC knows
ONLY_CVMFS, ONLY_LOCAL = WAYS = ("cvmfsOnly", "diracInstallOnly")
SHORT = {word.short: word for word in WORDS if word.short}
LONG = {word.long: word for word in WORDS}
STAMP = "DIRAC_PILOT_STAMP"
SKIP_BROKEN = "--skip-broken-modules"


class BrokenModules:
    """Whether modules that cannot be imported are left out. Modules are imported before the settings
    are known."""

    are_skipped = False


def dialect(words: Sequence[str], environ: Dict[str, str], options: Sequence[Option]) -> Dialect:
    """The engine's hook: this command line and this environment in the toolbox's words."""
    log.CONSOLE = 1  # where sites look for DIRAC's log
    BrokenModules.are_skipped = _skips_broken(words, environ)
    translation = _Translation(words, spellings(options))
    translation.translate_words()
    environment = dict(environ)
    if "vo" not in translation.given and not environment.get("PILOT_VO"):
        community = vo.find_vo(environ)
        if community:
            environment["PILOT_VO"] = community
    if (
        "pilot_id" not in translation.given
        and not environment.get("PILOT_PILOT_ID")
        and environ.get(STAMP)
    ):
        environment["PILOT_PILOT_ID"] = as_id(environ[STAMP])
    return Dialect(translation.out, environment, tuple(translation.notes))


def _skips_broken(words: Sequence[str], environ: Dict[str, str]) -> bool:
    text = environ.get("PILOT_SKIP_BROKEN_MODULES", "no")
    for word in words:
        name, equals, value = word.partition("=")
        if name == SKIP_BROKEN:
            text = value if equals else "yes"
    try:
        return values.boolean(text)
    except ValueError:  # the engine refuses it
        return False


def help() -> str:
    """The engine's hook: dirac-pilot.py's own options, and the toolbox's name of each."""
    lines = ["", "dirac-pilot.py's own options, which may be abbreviated:"]
    for word in WORDS:
        spelled = "%s--%s%s" % (
            "-%s, " % word.short if word.short else "    ",
            word.long,
            " VALUE" if word.takes else "",
        )
        lines.append(
            "  %-34s %s"
            % (spelled, option_flag(word.ours) if word.ours else "has had no effect for years")
        )
    return "\n".join(lines)


def as_id(text: str) -> str:
    """A stamp or UUID as a pilot id, which names a folder: vm://space/x contains characters that
    are not allowed there."""
    return re.sub(r"[^\w.-]+", "-", text).strip("-.")


def getopt_pairs(words: Sequence[str]) -> List[Tuple[str, str]]:
    """The command line in the layout that getopt gave DIRAC's pilot: ("-o", "value"), ("--debug",
    ""); without secrets."""
    translation = _Translation(words, {})
    try:
        translation.translate_words()
    except UsageError:  # the engine refuses this command line before any command runs
        pass
    return translation.pairs


class _Translation:
    """Reads the words once; `out` are the toolbox's words."""

    def __init__(self, words: Sequence[str], native: Dict[str, Option]) -> None:
        self._words, self._native, self._at = list(words), native, 0
        self.out: List[str] = []
        self.notes: List[str] = []
        self.given: List[str] = []
        self.pairs: List[Tuple[str, str]] = []

    def translate_words(self) -> None:
        """Translate all words. UsageError for an abbreviation that fits several options."""
        while self._at < len(self._words):
            word = self._words[self._at]
            self._at += 1
            if word.startswith("--") and len(word) > 2:
                self._long_option(word)
            elif word.startswith("-") and len(word) > 1 and word != "--":
                self._short_cluster(word)
            else:
                self.notes.append(
                    "from %r on the command line is not read: every value follows an option" % word
                )
                return

    def _long_option(self, word: str) -> None:
        name, equals, value = word[2:].partition("=")
        option = self._native.get("--" + name)
        if name == "config" and (
            value if equals else (self._words[self._at :] or [""])[0]
        ).startswith(SERVERS):
            option, name = None, "configurationServer"
        if name not in LONG and option is not None:
            self._copy_word(word, option, bool(equals))
            return
        known = LONG.get(name) or self._complete_name(name)
        if known is None:
            self.out.append(word)  # the engine reports the unknown option with a suggestion
            value_follows = (
                not equals
                and not self._native
                and self._at < len(self._words)
                and not self._words[self._at].startswith("-")
            )
            # without the toolbox's options: the word after an unknown option counts as its value
            self._at += value_follows
        else:
            self._add_option(known, value if equals else None, "--" + name)

    def _copy_word(self, word: str, option: Option, complete: bool) -> None:
        self.out.append(word)
        self.given.append(option.name)
        if not complete and option.type is not values.boolean and self._at < len(self._words):
            self.out.append(self._words[self._at])
            self._at += 1

    def _complete_name(self, name: str) -> Optional[CommandLineWord]:
        fits = [word for word in WORDS if name and word.long.startswith(name)]
        fits = [word for word in fits if word.long not in LATER] or fits
        if len(fits) > 1:
            raise UsageError(
                "--%s may be any of %s" % (name, ", ".join("--" + word.long for word in fits))
            )
        return fits[0] if fits else None

    def _short_cluster(self, word: str) -> None:
        """-d, -dk, -M5, -M 5"""
        rest = word[1:]
        while rest:
            known, letter, rest = SHORT.get(rest[0]), rest[0], rest[1:]
            if known is None:
                self.out.append("-" + letter + rest)
                return
            if known.takes:
                self._add_option(known, rest or None, "-" + letter)
                return
            self._add_option(known, None, "-" + letter)

    def _add_option(self, known: CommandLineWord, value: Optional[str], spelling: str) -> None:
        if known.takes and value is None:
            if self._at >= len(self._words):
                raise UsageError("%s needs a value" % spelling)
            value, self._at = self._words[self._at], self._at + 1
        if not known.ours:
            self.notes.append("%s has no effect, and had none in dirac-pilot.py" % spelling)
            return
        self.given.append(known.ours)
        if known.ours == "option" and "=" not in (value or "") and value not in WAYS:
            self.notes.append(
                "%s %s: is neither NAME=VALUE nor %s: only a community's own module may know it"
                % (spelling, value, " or ".join(WAYS))
            )
        if known.ours != SECRET:
            self.pairs.append((spelling if len(spelling) == 2 else "--" + known.long, value or ""))
        if known.ours == "pilot_id":
            value = as_id(value or "")
        flag = option_flag(known.ours)
        self.out.append(flag if value is None else "%s=%s" % (flag, value))
