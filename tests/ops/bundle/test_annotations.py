import ast

import pytest

from pilot.engine import onefile
from pilot.ops.bundle.annotations import untyped_files
from tests.conftest import ROOT

FILES = onefile.collect_files(str(ROOT), [str(ROOT / "extensions" / "pilot_example")])


class Untyped(ast.NodeTransformer):
    """A tree without what its functions say of types."""

    in_class = False

    def visit_FunctionDef(self, node):
        before, self.in_class = self.in_class, False
        node.returns = None
        node = self.generic_visit(node)
        self.in_class = before
        return node

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_ClassDef(self, node):
        bases = [getattr(base, "id", "") for base in node.bases]
        before, self.in_class = self.in_class, "NamedTuple" in bases or bool(node.decorator_list)
        node = self.generic_visit(node)
        self.in_class = before
        return node

    def visit_arg(self, node):
        node.annotation = None
        return node

    def visit_AnnAssign(self, node):
        node = self.generic_visit(node)
        if self.in_class or node.value is None:
            return node
        plain = ast.Assign(targets=[node.target], value=node.value)
        plain.type_comment = None  # a parsed assignment has this field from Python 3.8 on
        return ast.copy_location(plain, node)


def tree_and_lines(source):
    tree = Untyped().visit(ast.parse(source))
    lines = [node.lineno for node in ast.walk(tree) if isinstance(node, ast.stmt)]
    return ast.dump(tree), lines


@pytest.mark.parametrize(
    "name", sorted(name for name in FILES if name.startswith(("pilot/", "commands/"))
                   and name.endswith(".py"))
)
def test_every_module_is_the_same_program_line_by_line(name):
    small = untyped_files({name: FILES[name]})[name]
    assert tree_and_lines(small) == tree_and_lines(FILES[name])
    functions = [node for node in ast.walk(ast.parse(small)) if isinstance(node, ast.FunctionDef)]
    assert all(node.returns is None for node in functions)


def test_an_extension_keeps_its_annotations():
    own = {name: data for name, data in FILES.items() if name.startswith("pilot_")}
    assert own and untyped_files(own) == own
