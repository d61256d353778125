"""Verbs that keep a pool in good order."""

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
