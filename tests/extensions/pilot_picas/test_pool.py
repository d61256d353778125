"""The pool of tokens, in a database that is shared with others."""

import pytest

from pilot.errors import UsageError
from pilot.pool import open_pool
from pilot.pool.interface import Busy, StaleLease
from tests.conftest import extension
from tests.extensions.pilot_picas.tokens import TOKEN
from tests.pool.asking import add, claim, finish

couch_module = extension("pilot_picas.couch")


def test_a_token_of_the_old_client_is_run_only_with_a_command(couch, pool):
    couch.documents["t1"] = dict(TOKEN)
    assert claim(pool) == []
    with open_pool(couch.url, environ={"PILOT_PICAS_COMMAND": "sh -c {input}"}) as other:
        assert claim(other)[0].spec["command"] == ["sh", "-c", "echo hi"]


def test_what_an_operator_edits_meanwhile_is_kept_and_so_is_our_result(couch, pool, monkeypatch):
    add(pool, "a")
    lease = claim(pool)[0]
    put, edited = pool.database.write_document, []

    def edit_first(document):
        if not edited:
            edited.append(1)
            couch.documents["a"] = dict(couch.documents["a"], note="edited", _rev="9-z")
        put(document)

    monkeypatch.setattr(pool.database, "write_document", edit_first)
    assert finish(pool, lease) == "done"
    assert couch.documents["a"]["note"] == "edited"
    assert couch.documents["a"]["exit_code"] == 0


def test_moving_house_between_all_three_stores(couch, pool, tmp_path, within):
    add(pool, "a", "b", "c", "d", max_attempts=1)
    leases = {lease.task: lease for lease in claim(pool, count=4)}
    finish(pool, leases["a"])
    finish(pool, leases["b"], "error", reason="exit code 1")
    pool.cancel(["c"])
    exported = list(pool.export())
    for url in ("sqlite:%s/moved.sqlite" % tmp_path, within.url):
        with open_pool(url, create=True) as other:
            assert other.restore(exported) == (4, 0)
            assert other.restore(exported) == (0, 4)
            assert {task["id"]: task["state"] for task in other.export()} == {
                "a": "done",
                "b": "error",
                "c": "held",
                "d": "todo",
            }
            assert [attempt["outcome"] for attempt in other.show("b")["attempts"]] == ["error"]
            again = list(other.export())
    couch.documents = {
        name: document
        for name, document in couch.documents.items()
        if document.get("type") != "token"
    }
    assert pool.restore(again) == (4, 0)
    assert pool.status() == {
        "todo": 1,
        "locked": 0,
        "done": 1,
        "error": 1,
        "held": 1,
    }
    with pytest.raises(StaleLease):
        finish(pool, leases["d"])
    assert claim(pool)[0].task == "d"


@pytest.mark.parametrize(
    "edit",
    [
        {"pilot_task": {"command": ["true"], "cores": "4"}},
        {"pilot_attempts": None},
        {"pilot_lease": "mine"},
        {"pilot_task": 5},
        {"scrub_count": "many"},
        {"pilot_attempts": [1, {"generation": "x"}]},
        {"error": "text"},
        {"pilot_not_before": "later"},
        {"lock": 5, "pilot_lease": {"generation": 1, "until": 3}},
        {"_attachments": "x"},
        {"lock": None},
        {"input": None},
    ],
)
def test_what_people_edited_holds_up_nobody(couch, pool, edit):
    add(pool, "good")
    couch.documents["odd"] = (
        dict(TOKEN, _id="odd", **edit)
        if edit.get("lock", 0) is not None
        else dict(TOKEN, _id="odd", lock=0, hostname=None)
    )
    with open_pool(couch.url, environ={"PILOT_PICAS_COMMAND": "true"}) as other:
        leases = claim(other, count=5)
        assert "good" in [lease.task for lease in leases]
        for lease in leases:
            finish(other, lease, "error")
        assert other.status()
        assert other.pending()
        assert list(other.export())
        assert other.renew("p1", [("odd", 1)], 300) is not None


def test_tokens_are_not_removed_by_us(pool):
    with pytest.raises(UsageError, match="tokens are removed by PiCaS' own tools"):
        pool.purge("done", 0, 10)


def test_a_token_that_is_not_there_is_not_shown(pool):
    assert pool.show("nobody") is None


def test_the_end_of_a_token_that_is_gone_is_stale(couch, pool):
    add(pool, "a")
    lease = claim(pool)[0]
    del couch.documents["a"]
    with pytest.raises(StaleLease, match="a is gone"):
        finish(pool, lease)


def test_an_end_that_is_told_twice_is_one(pool):
    add(pool, "a")
    lease = claim(pool)[0]
    finish(pool, lease)
    assert finish(pool, lease) == "done"


def test_another_pilots_end_is_stale(pool):
    add(pool, "a")
    lease = claim(pool)[0]
    with pytest.raises(StaleLease):
        finish(pool, lease, pilot="p2")


def test_a_lease_that_is_not_ours_is_not_renewed(pool):
    add(pool, "a", "b")
    leases = claim(pool, count=2)
    mine = (leases[0].task, leases[0].generation)
    assert pool.renew("p1", [mine, ("none", 1)], 300.0) == [("none", 1)]


def test_a_token_that_is_changed_all_the_time_is_told(pool, monkeypatch):
    add(pool, "a")
    lease = claim(pool)[0]

    def never(document):
        raise couch_module.Conflict("changed")

    monkeypatch.setattr(pool.database, "write_document", never)
    with pytest.raises(Busy, match="token a is changed all the time"):
        finish(pool, lease)


def test_a_picasconfig_lies_where_the_pilot_began(couch, pool, tmp_path):
    (tmp_path / "picasconfig.py").write_text(
        "PICAS_HOST_URL = '%s'\nPICAS_DATABASE = 'tokens'\n"
        % couch.url[len("picas+") :].rpartition("/")[0]
    )
    add(pool, "a")
    with open_pool("picas:", environ={"PILOT_PICAS_FOLDER": str(tmp_path)}) as other:
        assert other.status()["todo"] == 1


def test_only_tokens_of_the_state_are_exported(pool):
    add(pool, "a", "b")
    pool.cancel(["b"])
    assert [task["id"] for task in pool.export("held")] == ["b"]


def test_an_operator_sends_back_what_failed_only(pool):
    add(pool, "a", "b", max_attempts=1)
    leases = claim(pool, count=2)
    finish(pool, leases[0], "error")
    assert pool.retry(None) == 1
