"""What a payload may use, and when it passed a limit."""

import os
import sys

import pytest

from pilot.agent import capacity, limits
from pilot.agent.config import AgentConfig
from tests.agent.running import PLAN, look, put

CONFIG = AgentConfig(
    "p1",
    "/w",
    "/o",
    {},
    slots=3,
    cores=4,
    memory_mb=4000,
    gpus=["0/a", "1/b"],
    tags=["t"],
)


def test_memory_that_is_not_known_is_not_watched():
    assert capacity.fits(capacity.whole_slot(CONFIG._replace(memory_mb=None)), {"memory_mb": 10**9})


def test_what_a_task_asks_for_is_what_it_may_use():
    allowed = limits.limits_of(
        {"memory_mb": 100, "walltime_s": 5, "limits": {"cpu_s": 3, "silence_s": 9}}
    )
    assert (
        allowed.memory_mb,
        allowed.walltime_s,
        allowed.cpu_s,
        allowed.silence_s,
        allowed.disk_mb,
    ) == (100, 5, 3, 9, None)
    assert limits.limits_of({"memory_mb": 100, "limits": {"memory_mb": 200}}).memory_mb == 200


@pytest.mark.parametrize(
    "sample, words",
    [
        (limits.Sample(0, 101, 0, 0, 0), "memory limit passed: 101 MB, allowed 100"),
        (limits.Sample(6, 0, 0, 0, 0), "CPU time limit passed: 6 s, allowed 5"),
        (limits.Sample(0, 0, 11, 0, 0), "disk limit"),
        (limits.Sample(0, 0, 0, 2, 0), "output limit"),
        (limits.Sample(0, 0, 0, 0, 8), "silence limit"),
    ],
)
def test_the_first_limit_passed_is_named(sample, words):
    assert words in limits.find_breach(limits.PayloadLimits(1, 5, 100, 10, 1, 7), sample)


def test_within_limits_all_is_well():
    assert (
        limits.find_breach(limits.PayloadLimits(*[None] * 6), limits.Sample(1e9, 1e9, 1e9, 1e9, 1e9))
        is None
    )
    assert (
        limits.find_breach(limits.PayloadLimits(1, 5, 100, 10, 1, 7), limits.Sample(5, 100, 10, 1, 7))
        is None
    )


@pytest.mark.parametrize(
    "cores, memory_mb, slots, wanted",
    [(2, 4000, 3, 1960), (4, 4000, 3, 3920), (1, 300, 3, 67), (1, None, 3, None)],
)
def test_what_asks_for_no_memory_has_its_cores_share(cores, memory_mb, slots, wanted):
    assert (
        limits.limits_of(
            {"cores": cores}, CONFIG._replace(memory_mb=memory_mb, slots=slots)
        ).memory_mb
        == wanted
    )
    assert limits.limits_of({"cores": cores, "memory_mb": 7}, CONFIG).memory_mb == 7


def test_a_look_comes_sooner_the_faster_something_grows():
    allowed = limits.limits_of({"limits": {"memory_mb": 100, "disk_mb": 100}})
    before, now = limits.NOTHING._replace(memory_mb=10.0), limits.NOTHING._replace(memory_mb=20.0)
    assert limits.next_look_s(allowed, before, now, 1.0, 0.05, 1.0) == 1.0  # eight seconds are left
    assert limits.next_look_s(allowed, before, now, 0.1, 0.05, 1.0) == pytest.approx(0.4)
    assert limits.next_look_s(allowed, before, now._replace(memory_mb=99.0), 0.1, 0.05, 1.0) == 0.05
    assert limits.next_look_s(limits.limits_of({}), before, now, 0.001, 0.05, 1.0) == 1.0


def test_a_payload_without_a_limit_has_its_share_of_the_slots_memory(pool, pilot):
    put(
        pool,
        {
            "id": "hog",
            "command": [sys.executable, "-c", "import time; x = b'x' * 400000000; time.sleep(60)"],
            "max_attempts": 1,
        },
    )
    job = dict(os.environ, SLURM_JOB_ID="7", SLURM_MEM_PER_NODE="300", SLURM_CPUS_PER_TASK="1")
    ended = pilot(*(PLAN + ("--pool", pool, "--slots", "1", "--min-memory-mb", "100")), env=job)
    reason = look(pool, "hog")["reason"]
    assert ended.code == 0
    assert reason.startswith("memory limit passed")
    assert int(reason.rpartition(" ")[2]) <= 270
