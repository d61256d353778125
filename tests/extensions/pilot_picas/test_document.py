"""Fields that people edited have any type."""

import pytest

from tests.conftest import extension

document = extension("pilot_picas.document")


@pytest.mark.parametrize("value, number", [(3, 3), (1.5, 1.5), ("3", 0), (None, 0), ([], 0)])
def test_what_is_no_number_is_zero(value, number):
    assert document.read_number(value) == number


@pytest.mark.parametrize("value", [None, "text", 5, [1]])
def test_what_is_no_object_is_empty(value):
    assert document.read_object(value) == {}


@pytest.mark.parametrize("value, items", [([1, 2], [1, 2]), ((1,), [1]), ("ab", []), (None, [])])
def test_what_is_no_list_is_empty(value, items):
    assert document.read_list(value) == items


def test_the_name_is_its_id():
    assert document.id_of({"_id": "a"}) == "a"
