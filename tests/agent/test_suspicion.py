"""When a node is suspect."""

from pilot.agent.suspicion import Suspicion
from pilot.pool import open_pool
from tests.agent.running import PLAN, put


def test_a_node_is_suspect_after_many_quick_failures_in_a_row():
    suspicion = Suspicion(2)
    ends = [
        ("error", 1.0),
        ("done", 1.0),
        ("error", 1.0),
        ("error", 100.0),
        ("error", 1.0),
        ("lost", 0.0),
        ("error", 1.0),
    ]
    told = [suspicion.note(outcome, seconds, "exit code 1") for outcome, seconds in ends]
    assert told[:-1] == [""] * 6
    assert told[-1].startswith("2 payloads in a row failed")
    assert all(Suspicion(0).note("error", 0.1, "") == "" for _ in range(100))


def test_tasks_that_all_fail_at_once_end_a_pilot_before_it_has_spoilt_the_pool(pool, pilot):
    put(pool, *[{"id": "t%03d" % n, "command": ["false"], "max_attempts": 1} for n in range(100)])
    ended = pilot(*(PLAN + ("--pool", pool)))
    with open_pool(pool) as one:
        assert ended.code == 10
        assert one.status()["error"] < 40
        assert "payloads in a row failed" in ended.err


def test_many_quick_failures_make_the_node_suspect(run):
    tasks = [{"id": "t%d" % n, "command": ["false"], "max_attempts": 1} for n in range(10)]
    ended = run(tasks, "--slots", "1", "--max-quick-failures", "3", "--hold-s", "0.1")
    assert ended.code == 10
    assert "3 payloads in a row failed within 30 s each, the last: exit code 1" in ended.out
    assert ended.report["tasks"]["error"] == 3
    assert "holding this slot" in ended.err
    good = [
        dict(task, command=["true"] if number % 3 == 2 else ["false"])
        for number, task in enumerate(tasks)
    ]
    assert (
        run(
            good,
            "--slots",
            "1",
            "--max-quick-failures",
            "3",
            "--workdir",
            str(ended.workdir / "again"),
            workdir=None,
        ).code
        == 0
    )
