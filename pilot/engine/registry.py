"""The table of commands and options of the loaded packages, and the plan."""

from typing import Dict, Iterable, List, Optional, Sequence, Set, Tuple, Type

from pilot.command import Command
from pilot.engine.packages import Package
from pilot.values import Option, did_you_mean


def commands_by_name(packages: Iterable[Package]) -> Dict[str, Type[Command]]:
    """The class for each name of -X: the first package that has it wins."""
    table: Dict[str, Type[Command]] = {}
    for package in packages:
        for command in package.commands:
            table.setdefault(command.name, command)
    return table


def all_options(
    commands: Iterable[Type[Command]], engine: Sequence[Option]
) -> Tuple[List[Option], List[str]]:
    """Every option once. Two commands may share an option if it means the same in both, except for
    the default, which a subclass may change: the first one counts. Otherwise a sentence."""
    table: Dict[str, Option] = {option.name: option for option in engine}
    owner: Dict[str, Type[Command]] = {}
    problems = []
    for command in commands:
        for option in command.options:
            if option.name not in table:
                table[option.name], owner[option.name] = option, command
            first, before = table[option.name], owner.get(option.name)
            related = before is not None and (
                issubclass(before, command) or issubclass(command, before)
            )
            same = (first.type, first.secret) == (option.type, option.secret)
            if not same or first.default != option.default and not related:
                name = before.name if before is not None else "the engine"
                problems.append("option %s means one thing in %s and another in %s"
                                % (option.name, name, command.name))
    return list(table.values()), problems


def package_options(packages: Iterable[Package]) -> Tuple[Option, ...]:
    """The options of the packages themselves, each option once."""
    return tuple(
        {option.name: option for package in packages for option in package.options}.values()
    )


def usual_plan(packages: Iterable[Package]) -> Tuple[str, ...]:
    """The commands of a run without -X: the first package that has an order of its own."""
    return next((package.usual for package in packages if package.usual), ())


def plan(
    names: Sequence[str], table: Dict[str, Type[Command]]
) -> Tuple[List[Type[Command]], List[str]]:
    """The classes to run, and a sentence for each unknown name and each fact that no command
    provides."""
    chosen, problems = [], []
    if not names:
        problems.append("no command to run: -X is empty")
    for name in names:
        command = table.get(name)
        if command is None:
            problems.append(
                "unknown command %r%s; --list shows all" % (name, did_you_mean(name, table))
            )
        else:
            chosen.append(command)
    return chosen, problems + _missing_facts(chosen, table.values())


def _missing_facts(chosen: Sequence[Type[Command]], known: Iterable[Type[Command]]) -> List[str]:
    problems: List[str] = []
    have: Set[type] = set()
    for command in chosen:
        for kind in command.requires:
            if kind not in have:
                giver = _provider(kind, known)
                mend = "put %s before it" % giver if giver else "no loaded command provides it"
                problems.append("%s needs %s: %s" % (command.name, kind.__name__, mend))
        have.update(command.provides)
    return problems


def _provider(kind: type, known: Iterable[Type[Command]]) -> Optional[str]:
    return next((command.name for command in known if kind in command.provides), None)
