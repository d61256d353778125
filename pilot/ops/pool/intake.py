"""Reads task files for a pool twice: first to check every line, then to add the tasks. A million
lines therefore need little memory."""

import io
import os
import tempfile
from contextlib import contextmanager
from typing import IO, Any, Callable, Dict, Iterable, Iterator, List

from pilot.errors import UsageError
from pilot.pool import exported as moving
from pilot.pool.task import Lines

Specs = Iterator[Dict[str, Any]]


class Intake:
    """Task files by name ("-" is standard input). Each file is opened once."""

    def __init__(self, streams: Dict[str, IO[str]]) -> None:
        self._streams = streams

    def check_tasks(self) -> Callable[[], Specs]:
        """Check all files. Return a function that reads their tasks again. UsageError with the
        first mistakes of all files."""
        def read_specs(problems: List[str]) -> Specs:
            for name, stream in self._streams.items():
                shown, base = (
                    ("standard input", os.getcwd())
                    if name == "-"
                    else (name, os.path.dirname(os.path.abspath(name)))
                )
                reader = Lines(shown, base)
                yield from reader.each(_rewind(name, stream))
                problems += reader.problems
        return _check_all(read_specs)

    def check_exported(self) -> Callable[[], Specs]:
        """Check all files that `export` wrote. Return and raise the same as `check_tasks`."""
        def read_specs(problems: List[str]) -> Specs:
            for name, stream in self._streams.items():
                yield from moving.each_task(name, _rewind(name, stream), problems)
        return _check_all(read_specs)


def _check_all(each: Callable[[List[str]], Specs]) -> Callable[[], Specs]:
    problems: List[str] = []
    for _ in each(problems):
        pass
    if problems:
        raise UsageError(*problems)
    return lambda: each([])


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
        yield Intake(streams)
    finally:
        for stream in streams.values():
            stream.close()


def _spool_lines(lines: Iterable[str]) -> IO[str]:
    stream = io.TextIOWrapper(tempfile.TemporaryFile(), encoding="utf-8", errors="surrogateescape")
    for line in lines:
        stream.write(line)
    return stream
