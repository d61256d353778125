"""Words for dirac-configure that communities' modules put into `self.cfg`."""

import shlex
from typing import Dict, List, Sequence, Tuple


def read_words(fragments: Sequence[str], own: str) -> Tuple[Dict[str, str], List[str]]:
    """The values of -o by /Section/Name, and the other words that dirac-configure has to read. What
    changes nothing in a file `own` that is there (-FDMH, -d, its name) is left out. ValueError for a
    fragment that no shell can read."""
    words = [word for fragment in fragments for word in shlex.split(fragment)]
    options: Dict[str, str] = {}
    rest: List[str] = []
    while words:
        word = words.pop(0)
        if word == "-o" and words:
            path, _, text = words.pop(0).partition("=")
            options[path.strip()] = text.strip()
        elif word.startswith("-o/"):
            path, _, text = word[2:].partition("=")
            options[path.strip()] = text.strip()
        elif word == "-O" and words or word == "--cfg" and words[:1] == [own]:
            words.pop(0)
        elif word != own and not (word[:1] == "-" and word[1:] and set(word[1:]) <= set("FDMHd")):
            rest.append(word)
    return options, rest
