"""Requests doubled, late and out of order; what the server acknowledged is what is done."""

import random
import threading

import pytest

from pilot.pool import open_pool
from pilot.pool.interface import Busy, Final, Offer

TASKS, WORKERS = 400, 6


class Careless:
    """A worker whose network repeats requests at once, later and in any order."""

    def __init__(self, url, name, seed):
        self.url, self.name, self.chance = url, name, random.Random(seed)
        self.acknowledged, self.trouble = [], []
        self.thread = threading.Thread(target=self.work)
        self.thread.start()

    def work(self):
        try:
            with open_pool(self.url) as pool:
                self.loop(pool)
        except Exception as error:
            self.trouble.append(error)

    def loop(self, pool):
        said, held, number = [], [], 0
        while True:
            number += 1
            finals = [Final(lease.task, lease.generation, "done", "", {}) for lease in held]
            request = (finals, self.name, Offer(), 2, 300.0, "%s-%d" % (self.name, number))
            answers = [pool.next(*request) for _ in range(self.chance.choice([1, 2, 3]))]
            states, leases = answers[0]
            for again, once_more in answers[1:]:
                assert again == states and [lease[:2] for lease in once_more] == [
                    lease[:2] for lease in leases
                ]
            self.acknowledged += [key for key, state in states.items() if state == "done"]
            said.append((finals, self.name, Offer(), 0, 300.0, "late"))
            for old in self.chance.sample(said, min(3, len(said))):
                assert "stale" not in pool.next(*old)[0].values()
            held = leases
            if not leases:
                return


def test_repeated_and_reordered_requests_change_nothing(within):
    with open_pool(within.url) as pool:
        pool.add([{"id": "t%d" % n, "command": ["true"]} for n in range(TASKS)])
        workers = [Careless(within.url, "w%d" % n, n) for n in range(WORKERS)]
        for worker in workers:
            worker.thread.join(60)
        assert [worker.trouble for worker in workers if worker.trouble] == []
        tasks = list(pool.export())
    told = [key for worker in workers for key in worker.acknowledged]
    done = [
        (task["id"], attempt["generation"])
        for task in tasks
        for attempt in task["attempts"]
        if attempt["outcome"] == "done"
    ]
    assert sorted(told) == sorted(done)
    assert len(done) == TASKS
    assert all(len(task["attempts"]) == 1 for task in tasks)


def test_a_claim_that_is_repeated_by_another_pilot_is_another_claim(within):
    with open_pool(within.url) as pool:
        pool.add([{"id": "a", "command": ["true"]}, {"id": "b", "command": ["true"]}])
        first = pool.claim("p1", Offer(), 1, 300.0, "same")
        second = pool.claim("p2", Offer(), 1, 300.0, "same")
        assert {first[0].task, second[0].task} == {"a", "b"}


def test_a_server_without_room_loses_nothing_that_it_acknowledged(within):
    with open_pool(within.url) as pool:
        pool.add([{"id": "t%d" % n, "command": ["true"]} for n in range(50)])
        page_count = within.call(
            lambda: within.server.services.pool._db.execute("PRAGMA page_count").fetchone()[0]
        )
        within.call(
            lambda: within.server.services.pool._db.execute("PRAGMA max_page_count=%d" % (page_count + 1))
        )
        added = 50
        with pytest.raises(Busy):
            for n in range(50, 100000):
                pool.add([{"id": "t%d" % n, "command": ["x" * 2000]}])
                added += 1
        assert pool.status()["todo"] == added
        within.call(lambda: within.server.services.pool._db.execute("PRAGMA max_page_count=1000000"))
        assert (
            pool.add([{"id": "more", "command": ["true"]}]) == (1, 0)
            and pool.status()["todo"] == added + 1
        )
