"""One task as its JSON line describes it: the schema, and a sentence for every mistake."""

import json
import os
import re
import zlib
from typing import Any, Callable, Dict, Iterable, Iterator, List, NamedTuple, Optional, Tuple
from urllib.parse import urlsplit

from pilot.errors import NodeUnfit, UsageError, lacking
from pilot.base.checksum import parse_checksum
from pilot.pool.spec_text import WrittenSpec, keep_text
from pilot.values import did_you_mean

ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@+=-]{0,199}\Z")
MAX_SPEC = 1 << 20
LIMITS = ("cpu_s", "memory_mb", "disk_mb", "silence_s", "output_mb")


class Field(NamedTuple):
    """A key of a task line: what it must be, in words, and the check for it."""

    says: str
    ok: Callable[[Any], bool]


def _plain_text(value: Any) -> bool:
    """A text that can be an argument of a program: without NUL, and valid in UTF-8."""
    try:
        return isinstance(value, str) and "\0" not in value and bool(value.encode("utf-8") or True)
    except UnicodeEncodeError:
        return False


def _check_text(value: Any) -> bool:
    return bool(value) and _plain_text(value)


def _whole_from(least: int) -> Callable[[Any], bool]:
    return (
        lambda value: isinstance(value, int)
        and not isinstance(value, bool)
        and least <= value < 1 << 40
    )


def _check_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value < 1e12


def _check_texts(value: Any) -> bool:
    return isinstance(value, list) and all(_check_text(item) for item in value)


def _check_arguments(value: Any) -> bool:
    return (
        isinstance(value, list)
        and bool(value)
        and _check_text(value[0])
        and all(_plain_text(item) for item in value)
    )


def _check_environment(value: object) -> bool:
    return isinstance(value, dict) and all(
        _check_text(key) and "=" not in key and _plain_text(item) for key, item in value.items())


FIELDS: Dict[str, Field] = {
    "id": Field(
        "a text of letters, digits and ._:@+=-, at most 200",
        lambda v: isinstance(v, str) and bool(ID.match(v)),
    ),
    "command": Field("a list of texts, the program first", _check_arguments),
    "script": Field("a text, run by its #! line or by sh", _check_text),
    "env": Field("an object of texts", _check_environment),
    "inputs": Field("a list of URLs or of {url, name, checksum}", lambda v: isinstance(v, list)),
    "outputs": Field(
        "a list of names, folders or globs, or of {name, url, optional}",
        lambda v: isinstance(v, list),
    ),
    "cores": Field("a whole number from 1", _whole_from(1)),
    "memory_mb": Field("a whole number of MB", _whole_from(1)),
    "gpus": Field("a whole number", _whole_from(0)),
    "walltime_s": Field("a number of seconds above 0", _check_number),
    "limits": Field(
        "an object of %s, numbers above 0" % ", ".join(LIMITS),
        lambda v: isinstance(v, dict)
        and all(k in LIMITS and _check_number(n) for k, n in v.items()),
    ),
    "tags": Field(
        "a list of texts without commas",
        lambda v: _check_texts(v) and not any("," in tag for tag in v),
    ),
    "priority": Field(
        "a whole number; higher goes first",
        lambda v: isinstance(v, int) and not isinstance(v, bool) and abs(v) < 1 << 40,
    ),
    "max_attempts": Field("a whole number from 1", _whole_from(1)),
    "max_releases": Field("a whole number", _whole_from(0)),
    "container": Field("an image: a path, a folder or a URL", _check_text),
    "meta": Field("an object; kept, not looked at", lambda v: isinstance(v, dict)),
}


def check_task(
    task: object, base: str, size: Optional[int] = None
) -> Tuple[Optional[Dict[str, object]], List[str]]:
    """A task with its relative file names made absolute against `base`, and a sentence per mistake.
    `size` is the length of its JSON text, if known."""
    if not isinstance(task, dict):
        return None, ["a task is an object {...}, this is a %s" % type(task).__name__]
    problems = [
        "unknown key %r%s" % (key, did_you_mean(key, FIELDS)) for key in task if key not in FIELDS
    ]
    given = {key: value for key, value in task.items() if key in FIELDS and value is not None}
    problems += [
        "%s must be %s" % (key, FIELDS[key].says)
        for key, value in given.items()
        if not FIELDS[key].ok(value)
    ]
    if ("command" in given) == ("script" in given):
        problems.append("a task has either a command or a script")
    if (len(json.dumps(task)) if size is None else size) > MAX_SPEC:
        problems.append("the task is larger than 1 MB: put data into inputs")
    if isinstance(given.get("container"), str):
        given["container"] = make_absolute(given["container"], base)
    for key, read in (("inputs", _check_input), ("outputs", _check_output)):
        if key in given and FIELDS[key].ok(given[key]):
            items = [read(item, base) for item in given[key]]
            problems += ["%s: %s" % (key, item) for item in items if isinstance(item, str)]
            problems += _names_twice(
                key, [item["name"] for item in items if isinstance(item, dict)]
            )
            given[key] = items
    return (None if problems else given), problems


def _check_input(item: object, base: str) -> object:
    file = {"url": item} if isinstance(item, str) else item
    if (
        not isinstance(file, dict)
        or not _check_text(file.get("url"))
        or set(file) - {"url", "name", "checksum"}
    ):
        return "%s is not a URL or {url, name, checksum}" % json.dumps(item)
    url = make_absolute(file["url"], base)
    try:
        name = file.get("name") or os.path.basename(urlsplit(url).path if "://" in url else url)
    except ValueError:
        return "%s is not a URL" % json.dumps(item)
    return _check_checksum(dict(file, url=url, name=name))


def _check_output(item: object, base: str) -> object:
    file = {"name": item} if isinstance(item, str) else item
    if not isinstance(file, dict) or set(file) - {"name", "url", "optional"}:
        return "%s is not a name or {name, url, optional}" % json.dumps(item)
    if "url" in file:
        if not _check_text(file["url"]):
            return "%s: url must be a text" % json.dumps(item)
        file = dict(file, url=make_absolute(file["url"], base))
    return _check_checksum(file)


def _check_checksum(file: Dict[str, Any]) -> Any:
    name = file.get("name")
    if not _check_text(name) or os.path.isabs(str(name)) or ".." in str(name).split("/"):
        return "%r is not a file name inside the task's folder" % name
    try:
        parse_checksum(file.get("checksum") or "")
    except (ValueError, AttributeError, TypeError) as error:
        return str(error)
    return file


def _names_twice(key: str, names: List[str]) -> List[str]:
    seen: Dict[str, int] = {}
    for name in names:
        seen[name] = seen.get(name, 0) + 1
    return ["%s: %r occurs twice" % (key, name) for name in sorted(seen) if seen[name] > 1]


def make_absolute(url: str, base: str) -> str:
    """A URL unchanged; a path made absolute against the folder `base`."""
    return url if re.match(r"[A-Za-z][A-Za-z0-9+.-]*:", url) else os.path.join(base, url)


MOST_PROBLEMS = 100  # number of mistakes that are reported one by one


class Lines:
    """The tasks of a JSON Lines text, one at a time; `problems` has a sentence, with file and line,
    for each of the first mistakes."""

    def __init__(self, name: str, base: str) -> None:
        self.problems: List[str] = []
        self._name, self._base = name, base
        self._stem = os.path.splitext(os.path.basename(name))[0]
        # hash of an id -> its line: a million ids would take too much memory
        self._seen: Dict[int, int] = {}

    def each(self, lines: Iterable[str]) -> Iterator[Dict[str, object]]:
        """Yield the tasks; those without an id get one. Empty lines do not count, lines with
        mistakes are skipped."""
        self._seen, mistaken = {}, 0
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            checked, mistakes = self._check_line(number, line)
            if mistakes:
                mistaken += 1
                if mistaken <= MOST_PROBLEMS:
                    self.problems += [
                        "%s, line %d: %s" % (self._name, number, mistake) for mistake in mistakes
                    ]
            elif checked is not None:
                yield checked
        if mistaken > MOST_PROBLEMS:
            self.problems.append(
                "%s: and %d more lines with mistakes" % (self._name, mistaken - MOST_PROBLEMS)
            )

    def _check_line(self, number: int, line: str) -> Tuple[Optional[Dict[str, object]], List[str]]:
        try:
            read = json.loads(line)
            checked, mistakes = check_task(read, self._base, len(line))
        except ValueError as error:
            return None, ["not JSON: %s" % error]
        except RecursionError:
            return None, ["it is nested too deeply"]
        if checked is not None:
            checked = (
                keep_text(checked, read, line) if "id" in checked else give_id(self._stem, number, checked)
            )
            first = self._seen.setdefault(hash(checked["id"]), number)
            if first != number:
                return None, ["id %r is that of line %d" % (checked["id"], first)]
            return checked, mistakes
        return None, mistakes


def read_lines(lines: Iterable[str], name: str, base: str) -> List[Dict[str, object]]:
    """All tasks of a JSON Lines text. Raises UsageError with a sentence for each of the first
    mistakes, each with file and line number."""
    reader = Lines(name, base)
    tasks = list(reader.each(lines))
    if reader.problems:
        raise UsageError(*reader.problems)
    return tasks


def give_id(stem: str, number: int, task: Dict[str, object]) -> Dict[str, object]:
    """A task with an id that is made from the file's name, the line, and the task itself. So another
    task on the same line gets another id, and the same task added again gets the same id."""
    text = json.dumps(task, sort_keys=True)
    identity = "%s-%06d-%08x" % (
        re.sub(r"[^A-Za-z0-9._-]", "_", stem).lstrip("._-")[:100] or "task",
        number,
        zlib.crc32(text.encode("ascii")),
    )
    return WrittenSpec(dict(task, id=identity), '{"id": "%s", %s' % (identity, text[1:]))


def read_file(path: str) -> List[Dict[str, object]]:
    """The tasks of a JSON Lines file; UsageError as read_lines, or when the file cannot be read."""
    try:
        with open(path, encoding="utf-8") as stream:
            return read_lines(stream, path, os.path.dirname(os.path.abspath(path)))
    except OSError as error:
        if lacking(error):
            raise NodeUnfit("%s: cannot be read: %s" % (path, lacking(error)))
        raise UsageError("%s: cannot be read: %s" % (path, error.strerror))
    except UnicodeDecodeError as error:
        raise UsageError("%s: not UTF-8: %s" % (path, error))


def read_one(path: str) -> Dict[str, object]:
    """The one task of a JSON file, to run once; UsageError with a sentence per mistake."""
    try:
        with open(path, encoding="utf-8") as stream:
            task = json.load(stream)
    except OSError as error:
        raise UsageError("%s: cannot be read: %s" % (path, error.strerror))
    except (ValueError, RecursionError) as error:
        raise UsageError("%s: not JSON: %s" % (path, error))
    checked, mistakes = check_task(task, os.path.dirname(os.path.abspath(path)))
    if checked is None:
        raise UsageError(*["%s: %s" % (path, mistake) for mistake in mistakes])
    return dict(checked, id=checked.get("id", "task"), max_attempts=1)
