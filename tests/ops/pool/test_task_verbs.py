"""Verbs about tasks."""

import json

from pilot.ops.pool.__main__ import main
from pilot.pool import open_pool
from pilot.pool.interface import Final, Offer


def test_status_in_words_and_json(filled, capsys):
    capsys.readouterr()
    main(["status", filled])
    assert capsys.readouterr().out == "todo 2  locked 0  done 0  error 0  held 0\n"
    main(["status", filled, "--json"])
    assert json.loads(capsys.readouterr().out) == {
        "todo": 2,
        "locked": 0,
        "done": 0,
        "error": 0,
        "held": 0,
    }


def test_a_task_is_shown_in_words_and_json(filled, capsys):
    capsys.readouterr()
    assert main(["show", filled, "a"]) == 0
    assert "a: todo" in capsys.readouterr().out
    main(["show", filled, "a", "--json"])
    shown = json.loads(capsys.readouterr().out)
    assert shown["id"] == "a"
    assert shown["state"] == "todo"
    assert shown["attempts"] == []


def test_cancel_retry_export(filled, capsys):
    main(["cancel", filled, "a"])
    main(["retry", filled, "a"])
    capsys.readouterr()
    main(["export", filled])
    exported = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(task["id"], task["state"], task["attempts"]) for task in exported] == [
        ("a", "todo", []),
        ("b", "todo", []),
    ]


def test_what_failed_is_listed_and_sent_back(filled, capsys, tasks_file):
    main(
        [
            "add",
            filled,
            tasks_file({"id": "c", "command": ["false"], "max_attempts": 1, "priority": 9}),
        ]
    )
    with open_pool(filled) as pool:
        lease = pool.claim("p", Offer(), 1, 60, "p:1")[0]
        pool.next(
            [Final(lease.task, lease.generation, "error", "x", {})], "p", Offer(), 0, 60, "p:2"
        )
    capsys.readouterr()
    main(["export", filled, "--state", "error"])
    assert [json.loads(line)["id"] for line in capsys.readouterr().out.splitlines()] == ["c"]
    assert main(["retry", filled, "--all"]) == 0
    main(["status", filled])
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


def test_what_was_not_sent_back_or_held_is_reported(filled, capsys):
    main(["cancel", filled, "a"])
    capsys.readouterr()
    main(["cancel", filled, "a", "b"])
    assert capsys.readouterr().out == "1 held\n"
    main(["retry", filled, "a", "b"])
    main(["retry", filled, "a"])
    assert "a is todo" not in capsys.readouterr().out
