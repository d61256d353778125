"""Claims of tokens in a database that is shared with others."""

import pytest

from pilot.pool import open_pool
from pilot.pool.interface import Busy, Offer
from tests.extensions.pilot_picas.tokens import TOKEN
from tests.pool.asking import add, claim, state


def test_a_token_that_another_took_since_the_view_was_read_is_left_alone(couch, pool, monkeypatch):
    add(pool, "a")
    put = pool.database.write_document

    def quicker(document):
        couch.documents["a"] = dict(
            couch.documents["a"], lock=55, hostname="old client", _rev="9-z"
        )
        put(document)

    monkeypatch.setattr(pool.database, "write_document", quicker)
    assert claim(pool) == []
    assert couch.documents["a"]["hostname"] == "old client"


def test_the_locks_of_old_clients_never_run_out(couch, pool, clock):
    couch.documents["t1"] = dict(TOKEN, lock=55)
    clock.now += 1e6
    assert pool.status()["locked"] == 1
    assert state(pool, "t1") == "locked"


def test_a_lost_reply_to_a_claim_costs_nothing(couch, pool, monkeypatch):
    add(pool, "a", "b")
    put = pool.database.write_document

    def no_reply(document):
        put(document)
        raise Busy("no reply")

    monkeypatch.setattr(pool.database, "write_document", no_reply)
    with pytest.raises(Busy):
        claim(pool, request="r9")
    monkeypatch.setattr(pool.database, "write_document", put)
    leases = claim(pool, request="r9")
    assert len(leases) == 1
    assert pool.status()["locked"] == 1


def test_more_tokens_than_a_page_that_do_not_fit_hide_nothing(couch, pool):
    add(pool, *["a%03d" % n for n in range(250)], cores=64)
    add(pool, "z")
    assert [lease.task for lease in claim(pool, offer=Offer(cores=1))] == ["z"]


def test_another_view_may_say_what_there_is_to_do(couch, pool):
    add(pool, "a")
    with open_pool(couch.url, environ={"PILOT_PICAS_VIEW": "Monitor/error"}) as other:
        assert claim(other) == []
