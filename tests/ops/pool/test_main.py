"""The command line of pilot.pool."""

import json
import subprocess
import sys

import pytest

from pilot.ops.pool.__main__ import main
from pilot.pool import open_pool
from pilot.pool.interface import Final, Offer
from tests.conftest import ROOT


@pytest.fixture
def url(tmp_path, tasks_file):
    place = "sqlite:%s/pool.sqlite" % tmp_path
    path = tasks_file({"id": "a", "command": ["echo", "hello"]}, {"id": "b", "script": "exit 1\n"})
    assert main(["add", place, path]) == 0
    return place


def test_status_in_words_and_json(url, capsys):
    capsys.readouterr()
    main(["status", url])
    assert capsys.readouterr().out == "todo 2  locked 0  done 0  error 0  held 0\n"
    main(["status", url, "--json"])
    assert json.loads(capsys.readouterr().out) == {
        "todo": 2,
        "locked": 0,
        "done": 0,
        "error": 0,
        "held": 0,
    }


def test_a_task_is_shown_in_words_and_json(url, capsys):
    capsys.readouterr()
    assert main(["show", url, "a"]) == 0
    assert "a: todo" in capsys.readouterr().out
    main(["show", url, "a", "--json"])
    shown = json.loads(capsys.readouterr().out)
    assert shown["id"] == "a"
    assert shown["state"] == "todo"
    assert shown["attempts"] == []


def test_cancel_retry_export(url, capsys):
    main(["cancel", url, "a"])
    main(["retry", url, "a"])
    capsys.readouterr()
    main(["export", url])
    exported = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(task["id"], task["state"], task["attempts"]) for task in exported] == [
        ("a", "todo", []),
        ("b", "todo", []),
    ]


def test_what_failed_is_listed_and_sent_back(url, capsys, tasks_file):
    main(
        [
            "add",
            url,
            tasks_file({"id": "c", "command": ["false"], "max_attempts": 1, "priority": 9}),
        ]
    )
    with open_pool(url) as pool:
        lease = pool.claim("p", Offer(), 1, 60, "p:1")[0]
        pool.next(
            [Final(lease.task, lease.generation, "error", "x", {})], "p", Offer(), 0, 60, "p:2"
        )
    capsys.readouterr()
    main(["export", url, "--state", "error"])
    assert [json.loads(line)["id"] for line in capsys.readouterr().out.splitlines()] == ["c"]
    assert main(["retry", url, "--all"]) == 0
    main(["status", url])
    assert "todo 3  locked 0  done 0  error 0" in capsys.readouterr().out


def test_the_first_wait_is_set_with_a_new_pool(tmp_path, tasks_file, capsys):
    place = "sqlite:%s/p" % tmp_path
    main(["add", place, tasks_file({"id": "c", "command": ["false"]}), "--backoff-s", "3"])
    with open_pool(place) as pool:
        lease = pool.claim("p", Offer(), 1, 60, "p:1")[0]
        pool.next(
            [Final(lease.task, lease.generation, "error", "x", {})], "p", Offer(), 0, 60, "p:2"
        )
        assert 5 < pool.pending()[1] <= 6.7  # 3 s x 2, and up to a tenth


@pytest.mark.parametrize(
    "words, code, told",
    [
        (["show", "URL", "nobody"], 2, "there is no task 'nobody'"),
        (["status", "sqlite:/no/file"], 2, "there is no such file"),
        (["retry", "URL"], 2, "name the tasks"),
        ([], 2, "which of add"),
        (["status", "ftp:x"], 2, "is not a pool"),
        (["cancel", "URL", "nobody"], 2, "there is no task 'nobody'"),
        (["retry", "URL", "nobody"], 2, "there is no task 'nobody'"),
        (["add", "URL", "/no/file"], 2, "cannot be read"),
        (["fly", "URL"], 2, "invalid choice"),
        (["add", "sqlite:/no/dir/p", "FILE"], 2, "cannot be opened"),
    ],
)
def test_mistakes_are_a_sentence_and_exit_code_2(url, capsys, tmp_path, words, code, told):
    words = [
        url if word == "URL" else str(tmp_path / "tasks.jsonl") if word == "FILE" else word
        for word in words
    ]
    assert main(words) == code
    assert told in capsys.readouterr().err


def test_it_runs_as_a_module(url):
    done = subprocess.run(
        [sys.executable, "-m", "pilot.pool", "status", url], cwd=str(ROOT), stdout=subprocess.PIPE
    )
    assert done.returncode == 0
    assert b"todo 2" in done.stdout


def test_a_reader_that_goes_away_is_no_traceback(url):
    done = subprocess.run(
        [
            "bash",
            "-c",
            '"$0" -m pilot.pool export "$1" | true; exit ${PIPESTATUS[0]}',
            sys.executable,
            url,
        ],
        cwd=str(ROOT),
        stderr=subprocess.PIPE,
    )
    assert b"Traceback" not in done.stderr


def test_what_was_not_sent_back_or_held_is_told(url, capsys):
    main(["cancel", url, "a"])
    capsys.readouterr()
    main(["cancel", url, "a", "b"])
    assert capsys.readouterr().out == "1 held\n"
    main(["retry", url, "a", "b"])
    main(["retry", url, "a"])
    assert "a is todo" not in capsys.readouterr().out
