"""Figures of the house, for docs/adr/0012: `python3 tests/house.py [ROOT]`."""

import ast
import os
import re
import sys
from pathlib import Path
from typing import Dict, Iterator, List, Set, Tuple

TOPS = ("pilot", "commands", "extensions")


def modules(root: Path) -> Iterator[Tuple[str, ast.Module, str]]:
    """(path, syntax tree, text) of every module of the code."""
    for top in TOPS:
        for path in sorted((root / top).rglob("*.py")):
            text = path.read_text(encoding="utf-8")
            yield str(path.relative_to(root)), ast.parse(text), text


def functions_by_kind(tree: ast.Module) -> Tuple[List[str], List[str]]:
    """Names of module functions, and of methods but for Python's own."""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    plain = [node.name for node in tree.body if isinstance(node, kinds)]
    methods = [
        inner.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
        for inner in node.body
        if isinstance(inner, kinds) and not inner.name.startswith("__")
    ]
    return plain, methods


def attributes(tree: ast.Module) -> Dict[str, int]:
    """Attributes that a class's methods set on self."""
    found: Dict[str, int] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            names: Set[str] = {
                inner.attr
                for inner in ast.walk(node)
                if isinstance(inner, ast.Attribute)
                and isinstance(inner.ctx, ast.Store)
                and getattr(inner.value, "id", "") == "self"
            }
            found[node.name] = len(names)
    return found


def imports_of(tree: ast.Module) -> Set[str]:
    """Modules of ours that a module imports, late or not, as they are written."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "pilot":
            found.update("%s.%s" % (node.module, alias.name) for alias in node.names)
            found.add(str(node.module))
    return found


def count_any(text: str) -> int:
    """How often a module says Any."""
    return len(re.findall(r"\bAny\b", text))


def share_of_one_word(names: List[str]) -> str:
    """How many of these names are one word."""
    return "%.0f %%" % (100.0 * sum("_" not in name.strip("_") for name in names) / len(names))


def figures(root: Path) -> Dict[str, str]:
    """What is measured, by name."""
    plain: List[str] = []
    methods: List[str] = []
    lines = wide = anys = 0
    largest: Tuple[int, str] = (0, "")
    fan_out: Dict[str, int] = {}
    paths = []
    names = {path[:-3].replace("/", ".") for path, _, _ in modules(root)}
    for path, tree, text in modules(root):
        paths.append(path)
        one, two = functions_by_kind(tree)
        plain += one
        methods += two
        lines += text.count("\n")
        wide += sum(len(line) > 100 for line in text.splitlines())
        anys += count_any(text)
        largest = max([largest] + [(count, name) for name, count in attributes(tree).items()])
        fan_out[path] = len(imports_of(tree) & names)
    tests = {path.name for path in (root / "tests").rglob("test_*.py")}
    own = [path for path in paths if os.path.basename(path) not in ("__init__.py", "__main__.py")]
    tested = sum("test_" + os.path.basename(path) in tests for path in own)
    widest = max((count, path) for path, count in fan_out.items())
    flat = [path for path in paths if re.match(r"pilot/(?!__)\w+\.py$", path)]
    rooms = {os.path.dirname(path) for path in paths if path.startswith("pilot/")}
    return {
        "modules flat in pilot/": "%d" % len(flat),
        "folders in pilot/": "%d" % len(rooms),
        "module functions of one word": share_of_one_word(plain),
        "methods of one word": share_of_one_word(methods),
        "lines over 100 columns": "%.1f %%" % (100.0 * wide / lines),
        "`Any` per 1,000 lines": "%.0f" % (1000.0 * anys / lines),
        "most attributes of a class": "%d (%s)" % largest,
        "most modules that one imports": "%d (%s)" % widest,
        "modules with a test file of their name": "%.0f %%" % (100.0 * tested / len(own)),
        "lines of code": "%d" % lines,
    }


if __name__ == "__main__":
    for what, figure in figures(Path(sys.argv[1] if len(sys.argv) > 1 else ".")).items():
        print("%-40s %s" % (what, figure))
