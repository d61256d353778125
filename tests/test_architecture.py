"""The rules of the house, held against the code itself."""

import ast
import re
import sys

import pytest

from pilot.ops.factory.backends.backend import Backend
from pilot.ops.server.store import Store
from tests.conftest import ROOT

FILES = sorted(
    path for top in ("pilot", "commands", "extensions") for path in (ROOT / top).rglob("*.py")
)
MAX_LINES, MAX_FUNCTION, MAX_WIDTH = 300, 40, 100
ONE_FILE = {"extensions/pilot_dirac/wrapper.py"}  # sites run it alone
# container_init.py: before there is a pilot; payload.py, stage_process.py: only for a type
STARTS_CHILDREN = {
    "pilot/base/process.py",
    "pilot/base/fork.py",
    "pilot/engine/container_init.py",
    "pilot/agent/payload.py",
    "pilot/agent/stage_process.py",
    "extensions/pilot_dirac/wrapper.py",
}
# see docs/adr/0008
OPENS_URLS = {
    "pilot/base/fetch.py",
    "pilot/base/session.py",
    "pilot/base/timed_http.py",
    "extensions/pilot_dirac/wrapper.py",
}
BROAD = {
    "pilot/engine/runner.py": 2,
    "pilot/events/stream.py": 1,
    "pilot/events/sender.py": 2,
    "pilot/engine/adoption.py": 1,
    "pilot/engine/packages.py": 1,
    "pilot/agent/pool_queries.py": 1,
    "pilot/ops/server/commit_queue.py": 1,
    "extensions/pilot_picas/config.py": 1,
    "extensions/pilot_dirac/legacy.py": 1,
}  # see docs/adr/0002
KNOWN = {
    "pilot",
    "commands",
    "pilot_example",
    "pilot_picas",
    "pilot_dirac",
    "pilot_lhcb",
    "pilot_gridpp",
    "pilot_loader",
}
# modules that 3.6 has; the newer ones are not to be used
STDLIB = set(
    """__future__ _ssl _thread argparse ast asyncio atexit base64 binascii bisect bz2 calendar collections concurrent configparser contextlib csv ctypes difflib email enum errno
fcntl fnmatch functools gc grp gzip hashlib heapq hmac http importlib inspect io ipaddress itertools json keyword logging math mmap os pkgutil platform pwd random re resource select
selectors shlex shutil signal socket sqlite3
runpy ssl stat string struct subprocess sys tarfile tempfile textwrap threading time tokenize traceback types typing unicodedata urllib uuid weakref xml zipfile zlib""".split()
)


def name(path):
    return str(path.relative_to(ROOT))


def tree(path):
    return ast.parse(path.read_text(encoding="utf-8"))


def imports(path):
    """(module, is it only for types) of every import."""
    parsed = tree(path)
    typing_only = [
        node
        for block in ast.walk(parsed)
        if isinstance(block, ast.If) and getattr(block.test, "id", "") == "TYPE_CHECKING"
        for node in block.body
    ]
    for node in ast.walk(parsed):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node in typing_only
        elif isinstance(node, ast.ImportFrom) and not node.level:
            for alias in node.names:
                yield "%s.%s" % (node.module, alias.name), node in typing_only


# The rooms on their floors: a room may use those of the floors below it, of its own floor only
# itself. Late imports count, too.
FLOORS = (
    ("pilot.base", "pilot.errors", "pilot.facts", "pilot.values"),
    ("pilot.node",),
    ("pilot.events", "pilot.hosts"),
    ("pilot.engine", "pilot"),  # pilot: what an author of commands imports, and __main__
    ("pilot.install", "pilot.pool"),
    ("pilot.agent",),
    ("commands",),
    ("pilot_dirac", "pilot_example", "pilot_picas"),
    ("pilot_gridpp", "pilot_lhcb"),
    ("pilot.ops",),  # may use all; nobody uses it
    ("pilot_dirac.ops",),  # but for a community's own tools of that kind
)
FLOOR = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}
SHARED = (0, 3)  # floors whose rooms may use one another
# the names by which operators start what lies in pilot/ops, and a community's tool of that kind
ALIASES = {
    "pilot/bundle.py",
    "pilot/factory.py",
    "pilot/manual.py",
    "pilot/ship.py",
    "pilot/pool/__main__.py",
    "extensions/pilot_dirac/publish.py",
    "extensions/pilot_dirac/compare.py",
}


def part(module):
    """Which room a module belongs to."""
    return next(
        (
            room
            for room in sorted(FLOOR, key=len, reverse=True)
            if module == room or module.startswith(room + ".")
        ),
        module.split(".")[0],
    )


def module_of(path):
    return name(path)[:-3].replace("/", ".").replace("extensions.", "")


@pytest.mark.parametrize("path", FILES, ids=name)
def test_only_the_standard_library_is_imported(path):
    assert {module.split(".")[0] for module, _ in imports(path)} <= STDLIB | KNOWN


@pytest.mark.parametrize("path", FILES, ids=name)
def test_import_arrows(path):
    if name(path) in ALIASES:
        return
    here = part(module_of(path))
    used = {
        part(module)
        for module, _ in imports(path)
        if module.split(".")[0] in KNOWN - {"pilot_loader"}
    }
    wrong = {
        room
        for room in used - {here}
        if FLOOR[room] > FLOOR[here] or FLOOR[room] == FLOOR[here] and FLOOR[here] not in SHARED
    }
    assert not wrong, "%s may not import %s" % (name(path), wrong)


@pytest.mark.parametrize("path", FILES, ids=name)
def test_agents_and_factories_know_the_pool_by_its_interface_only(path):
    if part(module_of(path)) == "pilot.agent" or name(path).startswith("pilot/ops/factory/"):
        used = {module for module, _ in imports(path) if module.startswith("pilot.pool")}
        assert all(
            module.startswith(
                ("pilot.pool.interface.", "pilot.pool.open.", "pilot.pool.open_pool", "pilot.pool.task.")
            )
            for module in used
        ), used


def test_the_factory_takes_three_things_from_the_rooms_beside_it():
    """See docs/adr/0013."""
    taken, users = set(), set()
    for path in FILES:
        inside = name(path).startswith("pilot/ops/factory/")
        for module, _ in imports(path):
            if inside and module.startswith("pilot.ops.") and not module.startswith("pilot.ops.factory"):
                taken.add(module)
            elif not inside and module.startswith("pilot.ops.factory"):
                users.add(name(path))
    assert taken == {
        "pilot.ops.bundle.make", "pilot.ops.ship.order.format_clock", "pilot.ops.job_events",
        "pilot.ops.tool.ToolParser", "pilot.ops.tool.run_tool",
    }
    assert users <= {"pilot/factory.py"}


@pytest.mark.parametrize("path", FILES, ids=name)
def test_one_place_starts_children_and_one_opens_urls(path):
    used = {module.split(".")[0] for module, _ in imports(path)}
    text = path.read_text(encoding="utf-8")
    if name(path) not in STARTS_CHILDREN:
        calls = {
            "%s.%s" % (getattr(node.value, "id", ""), node.attr)
            for node in ast.walk(tree(path))
            if isinstance(node, ast.Attribute)
        }
        assert "subprocess" not in used and not calls & {
            "os.fork",
            "os.system",
            "os.popen",
            "os.spawnv",
            "os.posix_spawn",
        }
    if name(path) not in OPENS_URLS:
        assert not {
            module
            for module, _ in imports(path)
            if module.startswith(("urllib.request", "http.client"))
        }
    assert "shell=True" not in text


@pytest.mark.parametrize("path", FILES, ids=name)
def test_files_and_functions_are_short(path):
    lines = len(path.read_text(encoding="utf-8").splitlines())
    assert lines <= MAX_LINES or name(path) in ONE_FILE
    if sys.version_info < (3, 8):
        return  # these do not tell where a function ends
    long = [
        node.name
        for node in ast.walk(tree(path))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        and node.end_lineno - node.lineno + 1 > MAX_FUNCTION
    ]
    assert long == []


@pytest.mark.parametrize("path", FILES, ids=name)
def test_broad_excepts_stand_where_they_may(path):
    def broad(handler):
        kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
        return any(
            kind is None or getattr(kind, "id", "") in ("Exception", "BaseException")
            for kind in kinds
        )

    found = [
        node
        for node in ast.walk(tree(path))
        if isinstance(node, ast.ExceptHandler)
        and broad(node)
        and not (node.body and isinstance(node.body[-1], ast.Raise) and node.body[-1].exc is None)
    ]
    assert len(found) == BROAD.get(name(path), 0)


@pytest.mark.parametrize("path", FILES, ids=name)
def test_every_module_public_class_and_function_has_a_docstring(path):
    parsed = tree(path)
    assert ast.get_docstring(parsed), "the module has none"
    overrides = {"run", "main", "execute"} | set(dir(Store)) | set(dir(Backend))
    missing = [
        node.name
        for node in ast.walk(parsed)
        if isinstance(node, (ast.FunctionDef, ast.ClassDef))
        and not node.name.startswith("_")
        and not ast.get_docstring(node)
        and node.name not in overrides
    ]
    nested = {
        inner.name
        for outer in ast.walk(parsed)
        if isinstance(outer, ast.FunctionDef)
        for inner in ast.walk(outer)
        if isinstance(inner, ast.FunctionDef) and inner is not outer
    }
    assert [one for one in missing if one not in nested] == []


def test_no_module_bears_a_name_of_the_standard_library():
    taken = getattr(sys, "stdlib_module_names", STDLIB)
    assert [
        name(path)
        for path in FILES
        if path.parent.name == "pilot"
        and path.stem in taken
        and path.stem not in ("__init__", "__main__")
    ] == []


@pytest.mark.parametrize("path", FILES + [ROOT / "pilot.py"], ids=name)
def test_the_code_is_plain_ascii(path):
    path.read_bytes().decode("ascii")


def test_every_folder_of_tests_is_a_package():
    folders = {path.parent for path in (ROOT / "tests").rglob("test_*.py")}
    assert [str(folder) for folder in folders if not (folder / "__init__.py").exists()] == []


def test_nothing_sleeps_to_wait():
    """time.sleep stands only where a back-off or a grace is waited out, and in the tests' deadline
    loop."""
    users = {name(path) for path in FILES if "time.sleep" in path.read_text(encoding="utf-8")}
    # strays.py and launch.py: for the end of what got SIGKILL, and of what another ends
    assert users == {
        "pilot/base/fetch.py",
        "pilot/agent/warden.py",
        "pilot/agent/strays.py",
        "pilot/agent/launch.py",
        "extensions/pilot_dirac/wrapper.py",
        # for the end of a daemon that is another's child
        "pilot/ops/factory/control_verbs.py",
    }
    tests = {
        name(path)
        for path in (ROOT / "tests").rglob("*.py")
        if "time.sleep(" in path.read_text(encoding="utf-8")
    }
    assert tests <= {
        "tests/conftest.py",
        "tests/hosts/boinc/wrapper.py",
        "tests/test_architecture.py",
        "tests/engine/test_runner.py",
        "tests/agent/test_limits.py",
        "tests/agent/test_payload.py",
        "tests/agent/test_watch.py",
    }


def test_bounds_are_counted_by_a_clock_that_stands_with_the_machine():
    """A test asserts that something was bounded, never how fast it is, and counts by `steady`; but
    for the slot's own end, a time of day."""
    counted = re.compile(r"assert .*time\.(?:time|monotonic|perf_counter)\(\)(?: - \w+)? <(?!=)")
    found = {
        name(path)
        for path in (ROOT / "tests").rglob("*.py")
        if "real" not in path.parts and counted.search(path.read_text(encoding="utf-8"))
    }
    assert found - {"tests/test_architecture.py"} == {
        "tests/test_deadline.py",
        "tests/extensions/pilot_dirac/test_launch_agent.py",
    }


@pytest.mark.parametrize("path", FILES, ids=name)
def test_a_folder_that_is_looked_through_is_closed(path):
    text = path.read_text(encoding="utf-8")
    assert text.count("os.scandir(") == text.count("with os.scandir(")


def test_hardly_a_line_is_wide():
    """What is wider than 100 columns is a sentence or a pattern that would be harder to read in two
    parts."""
    lines = [line for path in FILES for line in path.read_text(encoding="utf-8").splitlines()]
    assert sum(len(line) > MAX_WIDTH for line in lines) < len(lines) / 100


def test_most_functions_say_what_they_do_to_what():
    """Module functions are named by verb and object; of one word at most three in ten."""
    names = [
        node.name.strip("_")
        for path in FILES
        for node in tree(path).body
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
    ]
    assert sum("_" not in one for one in names) <= 0.3 * len(names)
