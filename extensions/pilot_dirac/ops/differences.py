"""Compares two pilots by what each did."""

from typing import Dict, List, NamedTuple

from .client import Call
from .recording import Recording

CONFIGURE = "dirac-configure"  # its words are in pilot.cfg, however often it is started


class Difference(NamedTuple):
    """`where` the two differ, and what each has there; "" stands for nothing."""

    where: str
    old: str
    new: str

    def line(self) -> str:
        """For people, and for the rules of what is wanted."""
        return "%s: %s -> %s" % (self.where, self.old or "(none)", self.new or "(none)")


def find_differences(old: Recording, new: Recording) -> List[Difference]:
    """All differences, in this order: the end, the programs, their environments, pilot.cfg, files.
    Where one pilot failed and the other did not, their ends alone."""
    found = []
    if old.exit_code != new.exit_code:
        found.append(Difference("exit code", str(old.exit_code), str(new.exit_code)))
    if (old.exit_code == 0) != (new.exit_code == 0):
        return found
    before, after = _by_program(old.calls), _by_program(new.calls)
    for name in sorted(set(before) | set(after)):
        found += _compare_calls(name, before.get(name, []), after.get(name, []))
    found += _compare_values("pilot.cfg ", old.options, new.options)
    left = {name: "there" for name in old.files}, {name: "there" for name in new.files}
    return found + _compare_values("file ", *left)


def _by_program(calls: List[Call]) -> Dict[str, List[Call]]:
    found: Dict[str, List[Call]] = {}
    for call in calls:
        found.setdefault(call.program, []).append(call)
    return found


def _compare_calls(name: str, old: List[Call], new: List[Call]) -> List[Difference]:
    found = []
    if len(old) != len(new):
        found.append(Difference("%s: starts" % name, str(len(old)), str(len(new))))
    elif name != CONFIGURE:
        for one, other in zip(old, new):
            if one.words != other.words:
                found.append(Difference("%s: words" % name, _join(one.words), _join(other.words)))
    if not (old and new):
        return found
    folders = sorted({call.folder for call in old}), sorted({call.folder for call in new})
    if folders[0] != folders[1]:
        found.append(Difference("%s: folder" % name, *[" ".join(one) for one in folders]))
    return found + _compare_values("%s: variable " % name, old[0].environ, new[0].environ)


def _compare_values(what: str, old: Dict[str, str], new: Dict[str, str]) -> List[Difference]:
    return [
        Difference(what + name, old.get(name, ""), new.get(name, ""))
        for name in sorted(set(old) | set(new))
        if old.get(name, "") != new.get(name, "")
    ]


def _join(words: List[str]) -> str:
    return " ".join(words)
