"""Parsers that several batch systems share. Pure, except that two read files that the environment
names.

A parser of a number returns None if the text does not contain one.
"""

import os
from typing import Dict, List, Optional, Tuple


def positive_int(text: Optional[str]) -> Optional[int]:
    """An integer above 0; also accepts "4.0" as text."""
    try:
        number = int(float(text or ""))
    except (ValueError, OverflowError):
        return None
    return number if number > 0 else None


def lines_of(path: Optional[str]) -> List[str]:
    """The lines of a file that an environment variable names; an empty list if it cannot be
    read."""
    try:
        with open(path or "", errors="replace") as stream:
            return stream.read().split("\n")
    except OSError:
        return []


def share_of_host(hosts: List[Tuple[str, int]], own: str = "") -> Optional[int]:
    """The part of this host in a job on several hosts; that of the first host if this host is not
    in the list."""
    name = (own or os.uname().nodename).split(".")[0]
    ours = sum(count for host, count in hosts if host.split(".")[0] == name)
    return ours or (sum(count for host, count in hosts if host == hosts[0][0]) if hosts else None)


def hosts_of(path: Optional[str]) -> List[Tuple[str, int]]:
    """The hosts in a file with one line per core."""
    return [(line.strip(), 1) for line in lines_of(path) if line.strip()]


def seconds_of_duration(text: str) -> Optional[float]:
    """Parse [[D-]H:]M:S, H:M:S or seconds; None for UNLIMITED, INVALID and similar words."""
    days, dash, rest = text.strip().rpartition("-")
    parts = rest.split(":")
    if not all(part.isdigit() for part in parts) or (dash and not days.isdigit()) or len(parts) > 3:
        return None
    seconds = 0.0
    for part in parts:
        seconds = seconds * 60 + int(part)
    return seconds + (int(days) * 86400 if dash else 0)


def parse_attributes(text: str) -> Dict[str, str]:
    """The lines "name = value" of qstat -f and oarstat -f."""
    return {
        key.strip(): value.strip()
        for key, _, value in (line.partition(" = ") for line in text.splitlines())
        if value
    }
