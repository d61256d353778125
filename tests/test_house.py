"""The figures of tests/house.py stay where they are."""

import ast

from tests import house
from tests.conftest import ROOT

MODULES = list(house.modules(ROOT))
# what communities' modules know by attribute
MANY_ATTRIBUTES = {"PilotParams"}


def methods():
    return [name for _, tree, _ in MODULES for name in house.functions_by_kind(tree)[1]]


def share_of_one_word(names):
    return sum("_" not in name.strip("_") for name in names) / len(names)


def test_module_functions_are_verbs_with_their_object():
    names = [name for _, tree, _ in MODULES for name in house.functions_by_kind(tree)[0]]
    assert share_of_one_word(names) <= 0.30


def test_half_of_the_methods_are_verbs_with_their_object():
    assert share_of_one_word(methods()) <= 0.50


def test_no_class_holds_more_than_twelve_values():
    many = {
        name: count
        for _, tree, _ in MODULES
        for name, count in house.attributes(tree).items()
        if count > 12 and name not in MANY_ATTRIBUTES
    }
    assert many == {}


def test_no_two_classes_of_the_program_share_a_name():
    places = {}
    for path, tree, _ in MODULES:
        if path.startswith("pilot/"):
            for node in ast.walk(tree):
                if isinstance(node, ast.ClassDef):
                    places.setdefault(node.name, []).append(path)
    assert {name: paths for name, paths in places.items() if len(paths) > 1} == {}


def test_types_say_what_a_value_is():
    lines = sum(text.count("\n") for _, _, text in MODULES)
    assert 1000.0 * sum(house.count_any(text) for _, _, text in MODULES) / lines <= 10


def test_the_life_of_a_pilot_knows_twelve_modules():
    names = {path[:-3].replace("/", ".") for path, _, _ in MODULES}
    tree = next(tree for path, tree, _ in MODULES if path == "pilot/engine/life.py")
    assert len(house.imports_of(tree) & names) <= 12


def test_most_modules_have_a_test_file_of_their_name():
    figures = house.figures(ROOT)
    assert float(figures["modules with a test file of their name"].split()[0]) >= 80


def test_tests_are_at_least_as_long_as_the_code():
    code = sum(text.count("\n") for _, _, text in MODULES)
    tests = sum(
        path.read_text(encoding="utf-8").count("\n") for path in (ROOT / "tests").rglob("*.py")
    )
    assert code <= tests
