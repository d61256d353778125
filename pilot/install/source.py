"""A software source as an operator writes it: `KIND:WHAT`, with `#sha256:HEX` for a file that is
downloaded."""

import re
from typing import NamedTuple

from pilot.values import did_you_mean

KINDS = ("env", "archive", "pip", "installer", "git", "none")
_CHECKSUM = r"(sha256:)?[0-9a-fA-F]{64}$|(sha512:)?[0-9a-fA-F]{128}$"


class Source(NamedTuple):
    """One source of the software."""

    kind: str
    what: str
    checksum: str = ""

    def text(self) -> str:
        """The source as the operator wrote it."""
        return (
            self.kind
            + (":" + self.what if self.what else "")
            + ("#" + self.checksum if self.checksum else "")
        )


def source(text: str) -> Source:
    """Parse env:SCRIPT [ARGS], archive:URL[#CHECKSUM], pip:REQUIREMENT, installer:URL[#CHECKSUM]
    [ARGS], git:URL[@REF] or none. Raises ValueError for anything else."""
    kind, _, what = text.strip().partition(":")
    if kind not in KINDS:
        raise ValueError(
            "%r is no source of software%s; the kinds are %s"
            % (text, did_you_mean(kind, KINDS), ", ".join(KINDS))
        )
    if bool(what.strip()) == (kind == "none"):
        raise ValueError(
            "%r: %s"
            % (
                text,
                (
                    "none takes nothing more"
                    if kind == "none"
                    else "after %s: comes what to install" % kind
                ),
            )
        )
    checksum = ""
    if kind in ("archive", "installer") and "#" in what:
        what, _, rest = what.partition("#")
        checksum, _, arguments = rest.partition(" ")
        what = (what + " " + arguments).strip()
        if not re.match(_CHECKSUM, checksum):
            raise ValueError("%r is not a checksum like sha256:HEX or sha512:HEX" % checksum)
    return Source(kind, what.strip(), checksum)
