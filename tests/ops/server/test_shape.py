"""What the fields of a request must be."""

import pytest

from pilot.ops.server import shape
from pilot.ops.server.wire import BadRequest
from tests.ops.server.asking import CLAIM, ask


@pytest.mark.parametrize(
    "path, body, words",
    [
        ("next", {}, "pilot is missing"),
        ("next", dict(CLAIM, finals=[], count="1"), "count must be a whole number"),
        ("next", dict(CLAIM, finals=[], x=1), "no field 'x'"),
        ("next", dict(CLAIM, finals=[], offer={"cores": 1, "tags": "a"}), "offer must be"),
        ("next", dict(CLAIM, finals=[{"task": "a"}]), "finals must be"),
        ("next", dict(CLAIM, finals=[], count=10**30), "count must be"),
        ("tasks", {"tasks": [{"id": "a"}]}, "either a command or a script"),
        ("tasks", {"tasks": ["x"]}, "tasks must be a list"),
        ("events", {"events": [{"pilot": "p"}]}, "the field event of an event"),
        ("renew", {"pilot": "p", "leases": [["a"]], "lease_s": 1}, "leases must be"),
        ("events", {"events": [{"pilot": "p", "event": "x", "seq": 0}]}, "the field seq of an event"),
        ("restore", {"tasks": [{"id": "a", "command": ["x"], "state": "mad"}]}, "state is none"),
        (
            "restore",
            {"tasks": [{"id": "a", "command": ["x"], "attempts": [{}]}]},
            "no list of attempts",
        ),
    ],
)
def test_a_request_that_is_wrong_is_one_sentence(within, path, body, words):
    status, told = ask(within, "POST", "/v1/" + path, body)
    assert status == 400, told
    assert words in told["error"], told


@pytest.mark.parametrize(
    "field, good, bad",
    [
        (shape.text_of(3), "abc", "abcd"),
        (shape.text_of(3), "a", ""),
        (shape.integer_from(1, 9), 9, 10),
        (shape.integer_from(0, 9), 0, True),
        (shape.integer_from(0, 9), 1, 1.0),
        (shape.any_number(0, 2), 1.5, 2.5),
        (shape.any_number(0, 2), 1, "1"),
        (shape.any_number(0, 2), 1, float("nan")),
        (shape.one_of("a", "b"), "a", "c"),
        (shape.one_of("a", "b"), "b", ["a"]),
        (shape.true_or_false(), False, 0),
        (shape.any_object(), {"x": 1}, []),
        (shape.list_of(shape.text_of(3), 2), ["a", "b"], ["a", "b", "c"]),
        (shape.list_of(shape.text_of(3), 2), [], [1]),
        (shape.pair_of(shape.text_of(), shape.integer_from(0, 9)), ["a", 1], ["a"]),
        (shape.pair_of(shape.text_of(), shape.integer_from(0, 9)), ["a", 1], [1, "a"]),
        (shape.record_of({"a": shape.text_of()}), {"a": "x"}, {}),
        (shape.record_of({"a": shape.text_of()}), {"a": "x"}, {"a": "x", "b": 1}),
        (shape.record_of({"a": shape.text_of().optional()}), {}, "a"),
    ],
)
def test_a_field_takes_what_it_must_be_and_nothing_else(field, good, bad):
    assert (field.is_valid(good), field.is_valid(bad)) == (True, False)


FIELDS = {"name": shape.text_of(5), "count": shape.integer_from(1, 9).optional(3)}


def test_what_is_missing_and_may_be_has_its_default():
    assert shape.check_fields({"name": "a"}, FIELDS) == {"name": "a", "count": 3}


def test_null_stands_for_what_is_missing():
    assert shape.check_fields({"name": "a", "count": None}, FIELDS)["count"] == 3


@pytest.mark.parametrize(
    "given, sentence",
    [
        ({}, "name is missing: a text of 1 to 5 characters"),
        ({"name": 7}, "name must be a text of 1 to 5 characters"),
        ({"name": "a", "count": 0}, "count must be a whole number from 1 to 9"),
        ({"name": "a", "x": 1}, "there is no field 'x'"),
        ({"x": 1}, "there is no field 'x'; name is missing: a text of 1 to 5 characters"),
    ],
)
def test_all_mistakes_are_one_sentence(given, sentence):
    with pytest.raises(BadRequest) as caught:
        shape.check_fields(given, FIELDS)
    assert (caught.value.status, str(caught.value)) == (400, sentence)


def test_the_words_of_a_query_become_numbers():
    assert shape.from_query({"name": "7", "count": "7"}, FIELDS) == {"name": "7", "count": 7}


def test_a_word_that_is_no_number_is_told():
    with pytest.raises(BadRequest, match="count must be a whole number from 1 to 9"):
        shape.from_query({"name": "a", "count": "many"}, FIELDS)


def test_the_schema_says_which_fields_are_needed():
    told = shape.json_schema(FIELDS)
    assert (told["required"], sorted(told["properties"])) == (["name"], ["count", "name"])
