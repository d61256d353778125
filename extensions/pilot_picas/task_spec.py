"""What a pilot runs for a token, and the token of a task: commands with {fields}, needs, variables.
Pure."""

import json
import shlex
from typing import Dict, Optional

from pilot.pool import task
from pilot.pool.interface import Offer

from .document import Document, id_of, read_list, read_number, read_object
from .token import TASK

MOST_INPUT = 65536  # characters of the input in PICAS_INPUT


def parse_template(text: str) -> str:
    """A command with {fields}. Raises ValueError with a sentence."""
    words = shlex.split(text)
    if not words:
        raise ValueError("%r names no program" % text)
    for word in words:
        fill_template(word, {})
    return text


def fill_template(word: str, document: Document) -> str:
    """The word with the token's fields in place of {field}; a value that is not text is written as
    JSON. ValueError for a { without its }."""
    parts = word.split("{")
    filled = parts[0]
    for part in parts[1:]:
        name, brace, rest = part.partition("}")
        if not brace:
            raise ValueError("%r: a { without its }" % word)
        value = document.get(name, "")
        filled += (value if isinstance(value, str) else json.dumps(value)) + rest
    return filled


def new_token(spec: Document) -> Document:
    """A token for a task of ours, which the picas client reads as one of its own."""
    token: Document = {
        "_id": spec["id"],
        "type": "token",
        "lock": 0,
        "done": 0,
        "hostname": "",
        "scrub_count": 0,
        "input": spec.get("meta", {}),
        "exit_code": "",
        "output": {},
        "uploads": {},
        "error": [],
        TASK: {key: spec[key] for key in spec if key != "id"},
    }
    if "cores" in spec:
        token["cores"] = spec["cores"]
    return token


def spec_of(document: Document, command: str) -> Optional[Document]:
    """The task to run for a token; None when neither the token nor `command` names a program, or
    when the token's task is invalid."""
    variables = _input_variables(document)
    if isinstance(document.get(TASK), dict):
        fields = read_object(document.get(TASK))
        env = fields.get("env") or {}
        merged = {**variables, **env} if isinstance(env, dict) else env
        return task.check_task(dict(fields, id=id_of(document), env=merged), "/")[0]
    if not command:
        return None
    spec: Document = {
        "id": id_of(document),
        "command": [fill_template(word, document) for word in shlex.split(command)],
        "env": variables,
    }
    cores = document.get("cores")
    if isinstance(cores, int) and cores > 0:
        spec["cores"] = cores
    return spec


def _input_variables(document: Document) -> Dict[str, str]:
    value = document.get("input", "")
    text = value if isinstance(value, str) else json.dumps(value)
    return {
        "PICAS_TOKEN_ID": id_of(document),
        "PICAS_INPUT": text[:MOST_INPUT].replace("\0", ""),
    }


def fits_offer(spec: Document, offer: Offer) -> bool:
    """Whether a pilot with this offer can run the task."""
    left = offer.time_left_s
    return bool(
        read_number(spec.get("cores", 1)) <= offer.cores
        and read_number(spec.get("gpus")) <= offer.gpus
        and (offer.memory_mb is None or read_number(spec.get("memory_mb")) <= offer.memory_mb)
        and (left is None or read_number(spec.get("walltime_s")) <= left)
        and (offer.unbounded or "walltime_s" in spec)
        and set(read_list(spec.get("tags"))) <= set(offer.tags)
        and ("container" not in spec or offer.containers)
    )
