"""From argv, environment and pilot.json to a request: packages loaded, settings resolved, plan
made."""

import json
import os
from typing import TYPE_CHECKING, Any, Dict, List, NamedTuple, Optional, Sequence, Tuple, Type

from pilot import values
from pilot.engine import cli, packages as loading, program, registry, settings as layers
from pilot.command import Command, Option
from pilot.errors import UsageError
from pilot.engine.settings import Layer, Settings

if TYPE_CHECKING:
    from pilot.engine.site_profile import Profile

PROFILE = "pilot.json"
TEXTS = ("help", "version", "list", "explode")  # shown whatever the plan is
MAX_LIMIT_S = 1e8  # three years: the maximum of a system timer
EMBEDDED_DEFAULTS = "pilot/defaults.json"


class Request(NamedTuple):
    """The checked request; nothing has run yet."""

    settings: Settings
    plan: Tuple[Type[Command], ...]
    packages: Tuple[loading.Package, ...]
    options: Tuple[Option, ...]
    environ: Dict[str, str]
    # why a command of the plan would refuse these settings (shown by --plan)
    doubts: Tuple[str, ...]
    warnings: Tuple[str, ...]

    @property
    def text(self) -> bool:
        """Whether the request is for a text about the program instead of a run."""
        return any(self.settings[name] for name in TEXTS + ("plan",))

    def time_limits(self) -> Dict[str, float]:
        """Seconds by command, as --time-limits has them."""
        texts = self.settings["time_limits"]
        return {name: values.seconds(text) for name, text in texts.items()}


class Sources(NamedTuple):
    """The layers below the command line, and the profiles from pilot.json."""

    lower: Tuple[Layer, ...]
    profiles: "Tuple[Profile, ...]"


def parse(argv: Sequence[str], environ: Dict[str, str], cwd: str) -> Request:
    """Run both passes. Raises UsageError with every problem, before anything has run."""
    problems: List[str] = []
    community = _community(argv, environ, cwd)
    argv, environ, notes = _translated(argv, environ, community)
    sources, packages = _first_pass(argv, environ, cwd, problems, community)
    return _second_pass(argv, environ, sources, packages, problems, notes)


def _community(
    argv: Sequence[str], environ: Dict[str, str], cwd: str
) -> Optional[loading.Package]:
    """The extension, built in or named by -E, that reads its own command line or pilot.json."""
    first = cli.scan(argv, cli.ENGINE_OPTIONS, strict=False)
    names = extensions_of((embedded_defaults() or {}).get("extensions")) + extensions_of(
        first.values.get("extensions", environ.get("PILOT_EXTENSIONS")))
    _open_search(names, cwd, environ)
    try:
        return loading.community_of(names)
    except UsageError:  # the load reports it together with all other problems
        return None


def _translated(
    argv: Sequence[str], environ: Dict[str, str], community: Optional[loading.Package]
) -> loading.Dialect:
    """The command line in the engine's words, where the community has its own dialect."""
    if community is None or community.dialect is None:
        return loading.Dialect(list(argv), environ)
    options, _ = _options([community, loading.toolbox()])
    return community.dialect(argv, environ, options)


def _first_pass(argv: Sequence[str], environ: Dict[str, str], cwd: str, problems: List[str],
                community: Optional[loading.Package]) -> Tuple[Sources, List[loading.Package]]:
    engine = cli.ENGINE_OPTIONS
    first = cli.scan(argv, engine, strict=False)
    try:
        sources = read_sources(first, environ, cwd, community.profile if community else None)
    except UsageError as error:
        problems += error.problems
        sources = Sources((), ())
    settings, _ = layers.resolve(engine, _stacked(engine, sources, environ, first))
    names = extensions(settings, sources)
    _open_search(names, cwd, environ)
    return sources, loading.load(names, problems)


def _open_search(names: Sequence[str], cwd: str, environ: Dict[str, str]) -> None:
    """Set where extensions are searched; a pilot without extensions does not load that module."""
    if names:
        from pilot.engine import search

        search.opened(search.usual_roots(program.root(), cwd, environ))


def _second_pass(
    argv: Sequence[str],
    environ: Dict[str, str],
    sources: Sources,
    packages: List[loading.Package],
    first: List[str],
    notes: Tuple[str, ...] = (),
) -> Request:
    table = registry.commands_by_name(packages)
    options, problems = _options(packages)
    words = cli.scan(argv, options)
    stacked = _stacked(options, sources, environ, words)
    settings, bad = layers.resolve(options, stacked)
    problems += first + words.problems + bad
    for profile in sources.profiles:
        problems += profile.unknown_keys([option.name for option in options])
    names = settings["commands"]
    chosen, wrong = registry.plan(registry.usual_plan(packages) if names is None else names, table)
    problems += wrong + _bad_limits(settings, table)
    # a bad value counts as not given
    doubts = [doubt for command in chosen for doubt in command.check(settings)]
    strays = _strays(options, environ)
    if any(settings[name] for name in TEXTS):
        problems = first + words.problems
    elif problems or not settings["plan"]:
        problems += doubts
    if problems:
        raise UsageError(*(problems + strays))
    notes += tuple(
        "-E %s: no command has this name: other packages' commands are used" % package.name
        for package in packages
        if not package.commands
    )
    warnings = [doubt for profile in sources.profiles for doubt in profile.doubts] + strays
    warned = notes + tuple(warnings)
    return Request(
        settings, tuple(chosen), tuple(packages), tuple(options), environ, tuple(doubts), warned
    )


def _options(packages: Sequence[loading.Package]) -> Tuple[List[Option], List[str]]:
    known = cli.ENGINE_OPTIONS + registry.package_options(packages)
    return registry.all_options(registry.commands_by_name(packages).values(), known)


def read_sources(
    first: cli.Scan,
    environ: Dict[str, str],
    cwd: str,
    foreign: "Optional[loading.ProfileReader]" = None,
) -> Sources:
    """The embedded defaults and pilot.json, as the layers that apply to this VO, CE and queue;
    `foreign` reads other layouts."""
    given = Layer(layers.COMMAND_LINE, first.values)
    known, _ = layers.resolve(
        cli.ENGINE_OPTIONS, [layers.environment_layer(cli.ENGINE_OPTIONS, environ), given]
    )
    embedded, path = embedded_defaults(), known["config"] or _profile_here(cwd)
    if embedded is None and path is None:
        return Sources((), ())
    from pilot.engine import site_profile

    texts = [(embedded, "built-in defaults")] if embedded is not None else []
    if path is not None:
        texts.append((site_profile.load(path), os.path.basename(path)))

    def settle(lower: Tuple[Layer, ...]) -> Settings:
        stacked = _stacked(cli.ENGINE_OPTIONS, Sources(lower, ()), environ, first)
        return layers.resolve(cli.ENGINE_OPTIONS, stacked)[0]

    profiles = site_profile.read_all(texts, known, settle, foreign)
    return Sources(tuple(layer for profile in profiles for layer in profile.layers), profiles)


def _profile_here(cwd: str) -> Optional[str]:
    """pilot.json in the working directory. UsageError where it is not trusted."""
    path = os.path.join(cwd, PROFILE)
    if not os.path.exists(path):
        return None
    from pilot.engine.search import doubt

    why = doubt(path)
    if why:
        raise UsageError("%s: it is not read unless -F names it: %s" % (PROFILE, why))
    return path


def embedded_defaults() -> Optional[Dict[str, object]]:
    """The defaults that pilot.bundle put into the single file."""
    loader: Any = globals()["__loader__"]
    try:
        data = loader.get_data(os.path.join(program.root(), EMBEDDED_DEFAULTS))
    except OSError:
        return None
    content: Dict[str, Any] = json.loads(data.decode("utf-8"))
    return content


def extensions(settings: Settings, sources: Sources) -> List[str]:
    """The requested extensions, then those of the built-in defaults: -E does not remove them."""
    built_in = [
        layer.values.get("extensions")
        for layer in sources.lower
        if layer.source.startswith("built-in")
    ]
    names = list(settings["extensions"]) + [name for raw in built_in for name in extensions_of(raw)]
    return list(dict.fromkeys(names))


def extensions_of(raw: Any) -> List[str]:
    """Names of extensions, from a list or a text with commas."""
    names = raw if isinstance(raw, list) else str(raw or "").split(",")
    return [str(name).strip() for name in names if str(name).strip()]


def _stacked(
    options: Sequence[Option], sources: Sources, environ: Dict[str, str], words: cli.Scan
) -> List[Layer]:
    return list(sources.lower) + [
        layers.environment_layer(options, environ),
        Layer(layers.COMMAND_LINE, words.values),
    ]


def _bad_limits(settings: Settings, table: Dict[str, Type[Command]]) -> List[str]:
    problems = []
    for name, text in settings["time_limits"].items():
        if name not in table:
            problems.append(
                "--time-limits: unknown command %r%s" % (name, values.did_you_mean(name, table))
            )
        elif not _positive(text):
            problems.append(
                "--time-limits: %s: %r is not a time above 0 (90, 10m, 2h)" % (name, text)
            )
    return problems


def _positive(text: str) -> bool:
    try:
        return 0 < values.seconds(text) <= MAX_LIMIT_S
    except ValueError:
        return False


def _strays(options: Sequence[Option], environ: Dict[str, str]) -> List[str]:
    """PILOT_* variables that look like a misspelt option: a warning each, because other programs
    use the prefix too."""
    known = {layers.environment_name(option.name) for option in options}
    strays = [
        name for name in environ if name.startswith(layers.ENVIRONMENT_PREFIX) and name not in known
    ]
    warnings = []
    for name in strays:
        import difflib

        close = difflib.get_close_matches(name, known, 1, 0.9)
        if close:
            warnings.append("the variable %s is not a setting (did you mean %s?)" % (name, close[0]))
    return warnings
