"""Demand by a number or a program."""

import os

import pytest

from pilot.ops.factory.jobs import NoAnswer
from pilot.ops.factory.source import DemandSource, parse_source, read_source


@pytest.mark.parametrize(
    "text, source",
    [
        ("pool", DemandSource()),
        ("fixed:12", DemandSource("fixed", 12)),
        ("fixed: 0", DemandSource("fixed", 0)),
        ("program:./count.sh 'a b'", DemandSource("program", words=("./count.sh", "a b"))),
    ],
)
def test_a_source_is_read(text, source):
    assert parse_source(text) == source


@pytest.mark.parametrize("text", ["", "fixed", "fixed:", "fixed:-1", "fixed:1.5", "program:", "program", "x:1"])
def test_what_is_no_source_is_told(text):
    with pytest.raises(ValueError, match="is not pool, fixed:N or program:WORDS"):
        parse_source(text)


def read(folder, script):
    program = folder / "count.sh"
    program.write_text("#!/bin/sh\n" + script)
    program.chmod(0o755)
    return read_source(parse_source("program:./count.sh"), dict(os.environ), str(folder))


def test_a_fixed_number_asks_nobody(tmp_path):
    assert read_source(DemandSource("fixed", 3), {}, str(tmp_path)) == 3


def test_a_program_prints_the_number_in_the_files_folder(tmp_path):
    (tmp_path / "n").write_text(" 41\n")
    assert read(tmp_path, "cat n") == 41


@pytest.mark.parametrize("script", ["echo many", "exit 0", "echo 3; exit 1", "echo -3", "kill -9 $$", "echo 1 2"])
def test_what_it_prints_otherwise_is_no_answer(tmp_path, script):
    with pytest.raises(NoAnswer):
        read(tmp_path, script)


def test_a_program_that_is_not_there_is_no_answer(tmp_path):
    with pytest.raises(NoAnswer):
        read_source(parse_source("program:./none"), {}, str(tmp_path))
