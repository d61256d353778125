"""The design documents are made where they are missing, and left where they are."""

import pytest

from tests.conftest import extension

design = extension("pilot_picas.design")
couch_module = extension("pilot_picas.couch")


@pytest.fixture
def database(couch):
    found = couch_module.Database(couch.url[len("picas+") :], {})
    yield found
    found.close()


def test_the_database_is_made(database, couch):
    design.ensure_documents(database)
    assert couch.databases == {"tokens"}


def test_both_documents_are_made(database, couch):
    design.ensure_documents(database)
    assert sorted(couch.documents) == ["_design/Monitor", "_design/Pilot"]


def test_a_document_that_an_operator_edited_is_kept(database, couch):
    database.send_request("PUT", "")
    couch.documents["_design/Monitor"] = {"_id": "_design/Monitor", "mine": 1}
    design.ensure_documents(database)
    assert couch.documents["_design/Monitor"] == {"_id": "_design/Monitor", "mine": 1}


def test_twice_is_as_once(database, couch):
    design.ensure_documents(database)
    before = dict(couch.documents)
    design.ensure_documents(database)
    assert couch.documents == before


def test_somebody_who_is_quicker_is_no_error(database, couch):
    send = database.send_request

    class Slow:
        """Finds nothing, and then that another made it."""

        def send_request(self, method, path, body=None, missing=False):
            if method == "GET":
                return None
            send(method, path, body)
            raise couch_module.Conflict("another was quicker")

    design.ensure_documents(Slow())
    assert sorted(couch.documents) == ["_design/Monitor", "_design/Pilot"]


@pytest.mark.parametrize("state", ["todo", "locked", "done", "error"])
def test_a_view_lists_by_name_what_the_overview_counts(state):
    views = design.monitor_document()["views"]
    condition = views[state]["map"].split("&& ", 1)[1].split(") { emit")[0]
    assert 'if(%s) { emit("%s", 1); }' % (condition, state) in views["overview_total"]["map"]


def test_tokens_that_are_held_are_in_no_view_of_picas():
    assert "doc.lock < 0" not in str(design.monitor_document())
