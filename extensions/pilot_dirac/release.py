"""DIRAC's names of releases, and those of pip: v9r1p22-pre1 and 9.1.22a1."""

import re

_VERSION = re.compile(r"(\d+)\.(\d+)(?:\.(\d+))?(?:a(\d+))?$")
_RELEASE = re.compile(r"v?(\d+)[r.](\d+)(?:[p.](\d+))?(?:(?:-pre|a)(\d+))?$")


def dotted_version(text: str) -> str:
    """v9r1p22-pre1, 9r1p22-pre1, v9.1.22a1, DIRAC[pilot]==9.1.22a1 -> 9.1.22a1; any other text is
    unchanged."""
    match = _RELEASE.match(text.rpartition("==")[2].strip())
    if not match:
        return text
    major, minor, patch, pre = match.groups()
    return "%s.%s.%s%s" % (major, minor, patch or "0", "a" + pre if pre else "")


def lettered_version(text: str) -> str:
    """9.1.22a1 -> v9r1p22-pre1; any other text is unchanged."""
    match = _VERSION.match(text)
    if not match:
        return text
    major, minor, patch, pre = match.groups()
    return "v%sr%s%s%s" % (
        major,
        minor,
        "p" + patch if patch and patch != "0" else "",
        "-pre" + pre if pre else "",
    )


def pinned_version(text: str) -> str:
    """pip's ==VERSION for a release; "" for a branch such as integration, which means its newest
    version."""
    version = dotted_version(text)
    return "==" + version if version[:1].isdigit() else ""
