"""Sources made smaller: what is taken away changes nothing that runs."""

import ast
import re

import pytest

from pilot.engine import onefile
from pilot.ops.bundle import lean
from tests.conftest import ROOT

SOURCE = '''#!/usr/bin/env python3
"""Module words."""
import os  # why
from typing import Callable, Dict

A = """kept
  # not a comment
    indented"""  # a comment


class B:
    """One line.

    More lines.
    """

    x: int = 3

    def f(self, a: Dict[str, int], *b: int, c: Callable[[int], str] = lambda x, y=1: {1: "#"}[x],
          **d: "Dict[str, int]") -> Dict[str, int]:
        """Only words."""

    # nothing
    def g(self) -> None:
        if True:
            # here
            return {"a": 1,

                    "b": [2,
                          3]}[self]
        "a lone text"
        many: Dict[str, Dict[str, int]] = {"a: b = c": {}}
        self.x: int = 1
        for one in {1: 2}: other = one
        declared: int
'''


def test_comments_docstrings_and_types_go_and_the_rest_stays():
    small = lean.strip_source(SOURCE.encode()).decode()
    assert "why" not in small
    assert "words" not in small
    assert "More lines" not in small
    assert "Callable[[int]" not in small
    assert "-> " not in small
    assert small.startswith("#!/usr/bin/env python3\n")
    assert '"""kept\n  # not a comment\n    indented"""' in small
    assert "x=3" in small
    assert "many={\"a: b = c\":{}}" in small
    assert "self.x=1" in small
    assert "declared:int" in small
    assert '{1:"#"}[x]' in small
    names = {}
    exec(compile(small, "small", "exec"), names)
    assert names["A"] == "kept\n  # not a comment\n    indented"
    assert names["B"].f(None, 1, c=2) is None
    assert names["B"].x == 3


def test_names_of_types_that_nothing_mentions_are_not_imported():
    source = b"from typing import TYPE_CHECKING, Dict, List\n\nif TYPE_CHECKING:\n    import ssl\n    from os import path\n\nx = Dict\n\n\ndef f() -> List[int]:\n    return []\n"
    assert (
        lean.strip_source(source)
        == b"from typing import Dict\nx=Dict\ndef f():\n return[]\n"
    )


def test_the_help_of_options_goes():
    source = b"A = (Option(\"a\", \"words \\\"of\\\" help\",\n    str, \"b\"), Option(\n    'c', \"one \"\n    \"two\"), Option(\"d\", HELP), Option(\"e\", \"x\" + y))\n"
    assert (
        lean.strip_source(source)
        == b"A=(Option(\"a\",\"\",str,\"b\"),Option('c',\"\" \"\"),Option(\"d\",HELP),Option(\"e\",\"x\"+y))\n"
    )


@pytest.mark.parametrize(
    "source, kept",
    [
        ("def f():\n    x: int=5\n    return x\n", "x=5"),
        ("class A:\n    r\"\"\"Raw words.\"\"\"\n", "class A:"),
        ("def f():\n    a.b: int = 1\n    c[1]: int = 2\n", "c[1]=2"),
        (
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import ssl\nelse:\n    ssl = None\n",
            "ssl=None",
        ),
        ("X = 1\nT = \"\"\"\nfrom typing import List\n\"\"\"\n", "from typing import List"),
    ],
)
def test_odd_sources_stay_right(source, kept):
    small = lean.strip_source(source.encode(), True).decode()
    compile(small, "small", "exec")
    assert kept in small


def test_what_newer_pythons_have_stays_too():
    source = (
        "def f(x):\n    match x:\n        case 1: y = 2\n        case [a]: y = a\n    return y\n"
    )
    try:
        compile(source, "new", "exec")
    except SyntaxError:
        pytest.skip("this Python has no match statement")
    names = {}
    exec(compile(lean.strip_source(source.encode()), "small", "exec"), names)
    assert names["f"](1) == 2 and names["f"]([3]) == 3


def test_a_commands_first_line_stays_where_it_is_wanted():
    assert "One line." in [
        ast.get_docstring(node)
        for node in ast.parse(lean.strip_source(SOURCE.encode(), True)).body
        if isinstance(node, ast.ClassDef)
    ]


class Bare(ast.NodeTransformer):
    """A tree without what is taken away."""

    in_class = False

    def visit_FunctionDef(self, node):
        before, self.in_class = self.in_class, False
        node = self.generic_visit(node)
        self.in_class = before
        return node

    def visit_ClassDef(self, node):
        bases = [getattr(base, "id", "") for base in node.bases]
        before, self.in_class = self.in_class, "NamedTuple" in bases or bool(node.decorator_list)
        node = self.generic_visit(node)
        self.in_class = before
        return node

    def visit_ImportFrom(self, node):
        return None if node.module == "typing" else node

    def visit_Call(self, node):
        if getattr(node.func, "id", "") == "Option" and isinstance(
            node.args[1], type(ast.parse("''").body[0].value)
        ):
            node.args[1] = ast.parse("''").body[0].value
        return self.generic_visit(node)

    def visit_If(self, node):
        return None if getattr(node.test, "id", "") == "TYPE_CHECKING" else self.generic_visit(node)

    def visit_AnnAssign(self, node):
        node = self.generic_visit(node)
        if self.in_class or node.value is None:
            return node
        plain = ast.parse("x = 1").body[0]
        plain.targets, plain.value = [node.target], node.value
        return plain

    def generic_visit(self, node):
        super().generic_visit(node)
        if hasattr(node, "body") and isinstance(node.body, list):
            node.body = [
                one
                for one in node.body
                if not (
                    isinstance(one, ast.Expr)
                    and type(one.value).__name__ in ("Str", "Num", "Constant")
                )
            ]
        for name in ("returns", "annotation"):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.arg)) and hasattr(
                node, name
            ):
                setattr(node, name, None)
        return node


@pytest.mark.parametrize(
    "name", sorted(name for name in onefile.collect_files(str(ROOT)) if name.endswith(".py"))
)
def test_every_module_is_the_same_program(name):
    with open(str(ROOT / name), "rb") as stream:
        source = stream.read()
    small = lean.strip_source(source)
    compile(small, name, "exec")
    assert dump_with_numbers(small) == dump_with_numbers(source)


def dump_with_numbers(source):
    """The tree of a module, in which each private function has a number as its name."""
    tree = Bare().visit(ast.parse(source))
    private = [
        one.name
        for one in tree.body
        if isinstance(one, ast.FunctionDef) and re.match("_[a-z0-9]", one.name)
    ]
    for node in ast.walk(tree):
        for field in ("name", "id"):
            if getattr(node, field, None) in private and not isinstance(node, ast.alias):
                setattr(node, field, private.index(getattr(node, field)))
    return ast.dump(tree)


@pytest.mark.parametrize(
    "name",
    sorted(
        name
        for name in onefile.collect_files(str(ROOT))
        if name.startswith("pilot/") and name.endswith(".py")
    ),
)
def test_no_module_uses_a_private_function_of_another(name):
    tree = ast.parse((ROOT / name).read_text(encoding="utf-8"))
    modules, private = set(), []
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("pilot"):
            modules |= {alias.asname or alias.name for alias in node.names}
            private += [alias.name for alias in node.names if alias.name.startswith("_")]
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and getattr(node.value, "id", "") in modules:
            of_a_tuple = node.attr in ("_fields", "_make", "_replace", "_asdict")
            private += [node.attr] if node.attr.startswith("_") and not of_a_tuple else []
    assert private == []
