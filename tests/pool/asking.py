"""Short ways to ask a pool, for its tests."""

from pilot.pool.interface import Final, Offer

ANY = Offer(cores=64, memory_mb=None, gpus=8, tags=("a", "b"), containers=True)


def add(pool, *names, **fields):
    return pool.add([dict({"id": name, "command": ["true"]}, **fields) for name in names])


def claim(pool, pilot="p1", count=1, offer=ANY, lease_s=300.0, request=None):
    claim.requests += 1
    return pool.claim(pilot, offer, count, lease_s, request or "r%d" % claim.requests)


claim.requests = 0


def begin(pool, *leases, **how):
    """Confirm that what was claimed was started."""
    pool.next(
        (),
        how.get("pilot", "p1"),
        ANY,
        0,
        300.0,
        "begin",
        0.0,
        [(lease.task, lease.generation) for lease in leases],
    )


def finish(pool, lease, outcome="done", pilot="p1", reason=""):
    return pool.finish(
        Final(lease.task, lease.generation, outcome, reason, {"exit_code": 0}), pilot
    )


def state(pool, name):
    return pool.show(name)["state"]
