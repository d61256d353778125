"""Whether the node has room for another payload."""

from tests.agent.running import PLAN, look, put


def test_a_payload_that_fills_the_disk_is_charged_and_the_next_one_runs(pool, pilot, small_disk):
    put(
        pool,
        {"id": "hog", "script": "cat /dev/zero > big", "max_attempts": 2, "priority": 5},
        *[{"id": "ok%d" % n} for n in range(5)],
    )
    ended = pilot(
        *(PLAN + ("--pool", pool, "--min-disk-mb", "8", "--slots", "1")), workdir=small_disk
    )
    assert ended.code == 0
    assert ended.report["tasks"]["done"] == 5
    assert look(pool, "hog")["state"] == "error"
    assert "it filled the disk" in look(pool, "hog")["reason"]


def test_a_node_whose_disk_fills_costs_no_attempt(pool, pilot, small_disk):
    full = (
        "until [ $(df --output=avail -m %s | tail -1) -lt 8 ]; do sleep 0.05; done" % small_disk
    )  # the other slot is busy until then
    put(
        pool,
        {
            "id": "filler",
            "script": "cat /dev/zero > %s/elsewhere; exit 0" % small_disk,
            "priority": 5,
        },
        {"id": "waits", "script": full, "priority": 4},
        *[{"id": "ok%d" % n} for n in range(50)],
    )
    ended = pilot(
        *(PLAN + ("--pool", pool, "--min-disk-mb", "8", "--slots", "2")), workdir=small_disk
    )
    assert ended.code == 10
    assert "8 needed (--min-disk-mb)" in ended.out + ended.err
    told = [look(pool, "ok%d" % n) for n in range(50)]
    assert {one["state"] for one in told} <= {"todo", "done"}
    assert all(one["attempts_used"] == (one["state"] == "done") for one in told)
