"""A CouchDB database as tokens need it."""

import pytest

from pilot.errors import PoolUnreachable, UsageError
from pilot.pool import open_pool
from pilot.pool.interface import Busy, Denied
from tests.conftest import extension
from tests.extensions.pilot_picas.tokens import TOKEN

couch_module = extension("pilot_picas.couch")


def test_what_the_database_says_is_told(couch, pool):
    for status, error in ((401, Denied), (500, Busy)):
        couch.fail = status
        with pytest.raises(error, match="told to fail"):
            pool.status()
    couch.fail = 0
    couch.databases.clear()
    with pytest.raises(PoolUnreachable, match="makes a database"):
        pool.status()


def test_a_password_is_not_in_any_sentence(couch):
    couch.close()
    with open_pool(couch.url) as gone, pytest.raises(Busy) as caught:
        gone.status()
    assert "hunter22" not in str(caught.value)


@pytest.fixture
def database(couch):
    found = couch_module.Database(couch.url[len("picas+") :], {})
    found.send_request("PUT", "")
    yield found
    found.close()


@pytest.mark.parametrize(
    "url", ["http://h", "http://h/", "http://h/a/b", "http://h:port/a", "http:///a", "tokens"]
)
def test_an_address_without_one_database_is_refused_with_a_sentence(url):
    with pytest.raises(UsageError, match="is named http\\(s\\)://HOST:PORT/DATABASE"):
        couch_module.Database(url, {})


def test_a_document_that_is_not_there_is_none(database):
    assert database.read_document("nobody") is None


def test_a_document_is_read_as_it_was_written(database):
    database.write_document({"_id": "a b/c", "x": 1})
    assert database.read_document("a b/c")["x"] == 1


def test_a_document_is_written_over_the_revision_that_was_read_only(database):
    database.write_document({"_id": "a"})
    with pytest.raises(couch_module.Conflict):
        database.write_document({"_id": "a", "_rev": "7-x"})


def test_of_many_documents_those_in_conflict_are_named(database):
    database.write_document({"_id": "a"})
    assert database.write_documents([{"_id": "a"}, {"_id": "b"}]) == ["a"]


def test_no_documents_need_no_request(database, couch):
    couch.fail = 500
    assert database.write_documents([]) == []


def test_documents_come_in_the_order_of_their_names(database):
    database.write_documents([{"_id": "a"}, {"_id": "b"}])
    found = database.read_documents(["b", "none", "a"])
    assert [one and one["_id"] for one in found] == ["b", None, "a"]


def test_a_views_rows_begin_where_they_shall(database):
    database.write_documents([dict(TOKEN, _id=name, _rev=None) for name in ("a", "b", "c")])
    rows = database.list_view("Monitor/todo", startkey="b", limit=1)
    assert [row.id for row in rows] == ["b"]


def test_time_is_the_databases(database, couch, clock):
    couch.offset = 2e9
    database.read_document("a")
    assert database.read_clock() > 1.9e9


def test_the_name_in_sentences_has_no_password(database):
    assert "hunter22" not in database.name
