"""Verbs that keep a pool in good order."""

import argparse
import sys

import pytest

from pilot.ops.pool import maintenance_verbs
from pilot.ops.pool.__main__ import main
from pilot.pool import open_pool
from tests.pool.asking import add, claim, finish


def test_what_ended_long_ago_is_forgotten(within, capsys):
    with open_pool(within.url) as pool:
        add(pool, *["t%d" % n for n in range(5)])
        for lease in claim(pool, count=3):
            finish(pool, lease)
    assert main(["purge", within.url, "--older-than", "90d", "--state", "done"]) == 0
    assert capsys.readouterr().out == "0 forgotten\n"
    assert main(["purge", within.url, "--older-than", "0s", "--state", "done"]) == 0
    assert capsys.readouterr().out == "3 forgotten\n"
    with open_pool(within.url) as pool:
        assert pool.status() == {"todo": 2, "locked": 0, "done": 0, "error": 0, "held": 0}
        assert [task["id"] for task in pool.export()] == ["t3", "t4"]
        assert len(claim(pool, count=5)) == 2
    assert main(["purge", within.url, "--older-than", "soon", "--state", "done"]) == 2


@pytest.mark.parametrize(
    "text, seconds",
    [("600s", 600.0), ("15m", 900.0), ("36h", 129600.0), ("90d", 7776000.0), ("1.5h", 5400.0)],
)
def test_an_age_is_a_number_with_its_unit(text, seconds):
    assert maintenance_verbs.parse_age(text) == seconds


@pytest.mark.parametrize("text", ["", "90", "d", "-1d", "1w", "1d2h", "1d\n", "1,5h"])
def test_what_is_no_age_is_told(text):
    with pytest.raises(argparse.ArgumentTypeError, match="is no age like 90d, 36h or 600s"):
        maintenance_verbs.parse_age(text)


@pytest.mark.parametrize(
    "words, sentence",
    [
        (["backup", "http://h:1", "copy"], "'http://h:1' is no sqlite:FILE: run this on the machine"),
        (["restore", "http://h:1", "copy"], "'http://h:1' is no sqlite:FILE"),
        (["backup", "sqlite:", "copy"], "'sqlite:' is no sqlite:FILE"),
        (["backup", "sqlite:/no/file", "copy"], "sqlite:/no/file: there is no such file"),
        (["purge", "sqlite:x", "--state", "done"], "required: --older-than"),
        (["purge", "sqlite:x", "--state", "todo", "--older-than", "1d"], "invalid choice: 'todo'"),
    ],
)
def test_a_verb_that_cannot_be_done_is_a_sentence_and_exit_code_2(words, sentence, capsys):
    code = main(words)
    assert (code, sentence in capsys.readouterr().err) == (2, True)


@pytest.mark.skipif(sys.version_info < (3, 7), reason="3.6 copies no database")
def test_a_backup_says_how_large_it_is(url, pool, tmp_path, capsys):
    main(["backup", url, str(tmp_path / "copy")])
    size = (tmp_path / "copy").stat().st_size
    assert capsys.readouterr().out == "%s/copy: %d bytes\n" % (tmp_path, size)


def test_more_than_one_portion_is_forgotten(url, pool, capsys, monkeypatch):
    monkeypatch.setattr(maintenance_verbs, "AT_ONCE", 2)
    add(pool, *["t%d" % n for n in range(5)])
    pool.cancel(["t%d" % n for n in range(5)])
    main(["purge", url, "--older-than", "0s", "--state", "held"])
    assert capsys.readouterr().out == "5 forgotten\n"
