"""What the pool says when an agent asks why."""

from tests.agent.running import PLAN, look, put


def test_work_that_does_not_fit_is_told(run):
    ended = run([{"id": "big", "command": ["true"], "cores": 1000}])
    assert ended.code == 0
    assert "tasks left that this slot cannot run: 1" in ended.err
    assert "tasks left that cannot run here: 1" in ended.out


def test_a_pilot_waits_for_a_task_that_is_to_be_tried_again(pool, pilot, tmp_path):
    put(
        pool,
        {
            "id": "flaky",
            "script": "test -e %s/second || { touch %s/second; exit 1; }" % (tmp_path, tmp_path),
        },
        {"id": "other", "tags": ["x"]},
    )
    ended = pilot(*(PLAN + ("--pool", pool)))
    assert ended.code == 0
    assert look(pool, "flaky")["state"] == "done"
    assert ended.report["facts"]["AgentSummary"]["reason"] == "tasks left that cannot run here: 1"
