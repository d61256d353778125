"""Reads the output of DIRAC's programs: finds the line with the result among other lines."""

import json
import re
from typing import Dict, List, Optional, Tuple

TIME_LEFT = re.compile(r"CPU time left determined as\W+([0-9]+(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?)")
_COUNTS = re.compile(r"^\s*(\d+)\s+(\d+)(?:\s+(\d+)(?:\s+\S.*)?)?\s*$")


def last_object(text: str) -> Optional[Dict[str, object]]:
    """The last line that is a JSON object; None when no line is."""
    for line in reversed(text.splitlines()):
        start = line.find("{")
        if start >= 0:
            try:
                value = json.loads(line[start:])
            except ValueError:
                continue
            if isinstance(value, dict):
                return value
    return None


def last_counts(text: str) -> Optional[Tuple[int, int, int]]:
    """Processors, memory (MB), GPUs of the last line that has two numbers, or three and further
    words; None when no line has."""
    for line in reversed(text.splitlines()):
        match = _COUNTS.match(line)
        if match:
            return int(match.group(1)), int(match.group(2)), int(match.group(3) or 0)
    return None


def last_number(pattern: "re.Pattern[str]", text: str) -> Optional[float]:
    """The last number that matches a pattern; None without a match."""
    numbers = pattern.findall(text)
    return float(numbers[-1]) if numbers else None


def last_line(text: str) -> str:
    """The last line that is not empty."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else ""


def as_list(raw: object) -> List[str]:
    """The items of a JSON list, or of a text with commas."""
    items = raw if isinstance(raw, (list, tuple)) else str(raw).split(",")
    return [str(item).strip() for item in items if str(item).strip()]


def as_text(raw: object) -> str:
    """A JSON value as DIRAC's configuration writes it."""
    if isinstance(raw, (list, tuple)):
        return ", ".join(str(item) for item in raw)
    return str(raw)
