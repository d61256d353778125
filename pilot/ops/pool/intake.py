"""Checks all task files before a pool gets the first task. Checked tasks go to a temporary file, and
exported ones are read twice: a million lines need little memory."""

import io
import os
import tempfile
from contextlib import contextmanager
from typing import IO, Any, Callable, Dict, Iterable, Iterator, List

from pilot.errors import UsageError
from pilot.pool import exported as moving
from pilot.pool.spec_text import text_of
from pilot.pool.task import Lines

Specs = Iterator[Dict[str, Any]]
IN_MEMORY = 8 << 20  # characters of checked tasks; more go to a file


class Intake:
    """Task files by name ("-" is standard input). Each file is opened once. Checked tasks are kept
    in the file `kept`."""

    def __init__(self, streams: Dict[str, IO[str]], kept: IO[str]) -> None:
        self._streams, self._kept = streams, kept

    def check_tasks(self) -> Iterator[str]:
        """Check all files, then return the JSON texts of their tasks. UsageError with the first
        mistakes of all files, or when a text cannot be kept meanwhile."""
        problems: List[str] = []
        try:
            for name, stream in self._streams.items():
                shown, base = (
                    ("standard input", os.getcwd())
                    if name == "-"
                    else (name, os.path.dirname(os.path.abspath(name)))
                )
                reader = Lines(shown, base)
                for spec in reader.each(_rewind(name, stream)):
                    self._kept.write(text_of(spec) + "\n")
                problems += reader.problems
            self._kept.seek(0)
        except OSError as error:
            raise UsageError(
                "%s: the checked tasks cannot be kept there: %s; another folder in $TMPDIR helps"
                % (tempfile.gettempdir(), error.strerror)
            )
        if problems:
            raise UsageError(*problems)
        return iter(self._kept)

    def check_exported(self) -> Callable[[], Specs]:
        """Check all files that `export` wrote. Return a function that reads their tasks again.
        UsageError as `check_tasks`."""
        def read_specs(problems: List[str]) -> Specs:
            for name, stream in self._streams.items():
                yield from moving.each_task(name, _rewind(name, stream), problems)
        problems: List[str] = []
        for _ in read_specs(problems):
            pass
        if problems:
            raise UsageError(*problems)
        return lambda: read_specs([])


def _rewind(name: str, stream: IO[str]) -> Iterable[str]:
    try:
        stream.seek(0)
        for line in stream:
            yield line
    except UnicodeDecodeError as error:
        raise UsageError("%s: not UTF-8: %s" % (name, error))


@contextmanager
def open_inputs(names: Iterable[str], standard_input: Iterable[str]) -> Iterator[Intake]:
    """Open the files while the block runs. Copy standard input to a temporary file. UsageError for
    a file that cannot be read."""
    streams: Dict[str, IO[str]] = {}
    try:
        for name in names:
            try:
                streams[name] = (
                    _spool_lines(standard_input) if name == "-" else open(name, encoding="utf-8")
                )
            except OSError as error:
                raise UsageError("%s: cannot be read: %s" % (name, error.strerror))
        with tempfile.SpooledTemporaryFile(IN_MEMORY, mode="w+", encoding="ascii") as kept:
            yield Intake(streams, kept)
    finally:
        for stream in streams.values():
            stream.close()


def _spool_lines(lines: Iterable[str]) -> IO[str]:
    stream = io.TextIOWrapper(tempfile.TemporaryFile(), encoding="utf-8", errors="surrogateescape")
    for line in lines:
        stream.write(line)
    return stream
