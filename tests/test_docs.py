"""The documentation is right: what it names exists, what it shows runs, and each claim names the
test that holds it."""

import ast
import fnmatch
import re
import subprocess
import sys

import pytest

from pilot.agent import task_pool, leases, outputs, timing
from pilot.errors import EXIT_CODES
from pilot.events import event, far
from pilot.ops import job_events
from pilot.pool import sqlite_rows
from pilot.ops.server import buffer_budget, connection, connections, tokens
from pilot.base.shared_defaults import LEASE_S
from tests.conftest import ROOT
from tests.pool.served import Served

DOCUMENTS = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "extensions" / "README.md",
    ROOT / "benchmarks" / "README.md",
]
DOCUMENTS += sorted((ROOT / "docs").glob("*.md"))
TEXTS = {str(path.relative_to(ROOT)): path.read_text(encoding="utf-8") for path in DOCUMENTS}
ALL = "\n".join(TEXTS.values())
OPTION = re.compile(r"(?<![\w-])--[A-Za-z][\w-]*[a-z0-9]")
HELPS = [
    ["pilot.py", "--help"],
    ["pilot.py", "-E", "example,picas", "--help"],
    ["pilot.py", "-E", "dirac", "--help"],
    ["-m", "pilot.bundle", "--help"],
    ["-m", "pilot_dirac.publish", "--help"],
    ["-m", "pilot_dirac.compare", "--help"],
    ["extensions/pilot_dirac/wrapper.py", "--help"],
]
HELPS += [
    ["-m", "pilot.pool", verb, "--help"]
    for verb in (
        "add",
        "status",
        "show",
        "retry",
        "cancel",
        "export",
        "import",
        "purge",
        "backup",
        "restore",
        "serve",
        "token",
        "mint",
        "start-token",
        "withdraw",
        "openapi",
        "feed",
    )
]
HELPS += [
    ["-m", "pilot.ship", world, "--help"]
    for world in (
        "slurm",
        "gridengine",
        "htcondor",
        "cloud-init",
        "vac",
        "arc",
        "kubernetes",
        "systemd",
        "boinc",
    )
]
HELPS += [["-m", "pilot.factory", verb, "--help"] for verb in ("add", "remove", "cancel", "status", "waste", "simulate")]
FOREIGN = {"--array", "--export", "--partition", "--strict"}  # of sbatch and mypy


def functions_by_file():
    """Every test function by its file."""
    found = {}
    for path in (ROOT / "tests").rglob("test_*.py"):
        names = {
            node.name
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            if isinstance(node, ast.FunctionDef)
        }
        found[str(path.relative_to(ROOT))] = {name for name in names if name.startswith("test_")}
    return found


TESTS = functions_by_file()
NAMES = {name for names in TESTS.values() for name in names}


@pytest.mark.parametrize("name", sorted(set(re.findall(r"`(test_[a-z0-9_]+(?:\.\.\.)?)`", ALL))))
def test_a_test_that_is_named_exists(name):
    assert fnmatch.filter(NAMES, name.replace("...", "*")), name


@pytest.mark.parametrize(
    "name",
    sorted(
        set(
            re.findall(
                r"`((?:tests|pilot|commands|extensions|examples|docs|benchmarks)/[\w./-]*)`", ALL
            )
        )
    ),
)
def test_a_file_that_is_named_exists(name):
    assert (ROOT / name).exists()


@pytest.mark.parametrize("document", sorted(TEXTS))
def test_what_is_linked_exists(document):
    links = [
        link.split("#")[0]
        for link in re.findall(r"\]\(([^)\s]+)\)", TEXTS[document])
        if "://" not in link
    ]
    missing = [
        link for link in links if link and not (ROOT / document).parent.joinpath(link).exists()
    ]
    assert missing == []


@pytest.fixture(scope="module")
def options():
    """Every option of the pilot, its extensions and tools, as --help tells."""
    said = [
        subprocess.run(
            [sys.executable] + words,
            cwd=str(ROOT),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={"PYTHONPATH": "%s:%s/extensions" % (ROOT, ROOT), "PATH": "/usr/bin:/bin"},
        )
        for words in HELPS
    ]
    assert [done.args for done in said if done.returncode] == []
    return {option for done in said for option in OPTION.findall(done.stdout.decode())}


@pytest.mark.parametrize("document", sorted(TEXTS))
def test_every_option_that_is_named_exists(document, options):
    assert {option for option in OPTION.findall(TEXTS[document])} - options - FOREIGN == set()


@pytest.mark.parametrize(
    "name",
    sorted(set(re.findall(r"\$([A-Z][A-Z_]{3,})|`(PILOT_[A-Z_]+[A-Z])`", ALL))),
    ids=lambda pair: "".join(pair),
)
def test_every_variable_that_is_named_is_read_or_set(name, options):
    name = "".join(name)
    of_option = (
        name.startswith("PILOT_")
        and "--" + name[len("PILOT_") :].lower().replace("_", "-") in options
    )
    sources = [
        path
        for folder in ("pilot", "commands", "extensions")
        for path in (ROOT / folder).rglob("*.py")
    ] + [ROOT / "pilot.py"]
    word = re.compile(r"\b%s\b" % name)
    assert (
        of_option
        or name == "VARIABLES"
        or any(word.search(path.read_text(encoding="utf-8")) for path in sources)
    )


def test_the_exit_codes_are_those_of_the_table():
    rows = re.findall(r"^\| (\d+|128\+n) \| (.*?) \|", TEXTS["README.md"], re.M)
    assert [code for code, _ in rows] == [str(row.code) for row in EXIT_CODES] + ["128+n"]


def test_the_refusals_of_the_server_are_those_of_its_source():
    sources = "\n".join(
        path.read_text() for path in (ROOT / "pilot" / "ops" / "server").glob("*.py")
    )
    given = set(re.findall(r"(?:BadRequest|answer_error|_refuse_request)\(\s*(\d{3})\b", sources)) - {"200"}
    told = re.search(r"A refusal is .*? with status ([^:]*):", TEXTS["docs/server.md"]).group(1)
    assert set(re.findall(r"\b\d{3}\b", told)) == given


def test_every_benchmark_stands_in_the_table():
    told = set(re.findall(r"^\| `(\w+\.py)", TEXTS["benchmarks/README.md"], re.M))
    assert told == {path.name for path in (ROOT / "benchmarks").glob("*.py")} - {
        "measure.py",
        "serving.py",
    }


def test_the_kinds_of_events_are_those_of_the_source():
    told = " ".join(TEXTS["docs/report.md"].split("Kinds: ")[1].split())
    kinds = [
        value
        for module in (event, job_events)
        for name, value in vars(module).items()
        if name.isupper() and isinstance(value, str)
    ]
    words = {
        "pilot": "started / heartbeat / stopping / holding / finished",
        "command": "started / finished",
        "agent": "started / idle / finished",
        "task": "claimed / started / usage / finished",
    }
    named = {
        "%s %s" % (whose, verb) for whose, verbs in words.items() for verb in verbs.split(" / ")
    } | {"log", "fact found", "factory state", "pilot submitted", "job ended"}
    assert set(kinds) == named and all(
        re.search(re.escape("%s %s" % pair), told) for pair in words.items()
    )


# what a document says in words, and the number of the program
NUMBERS = [
    ("docs/server.md", "gives up after two minutes", timing.GIVE_UP_S, 120),
    ("docs/server.md", "15 s at a time", timing.WAIT_S, 15),
    ("docs/server.md", "a heartbeat each minute", far.EVERY_S * far.BEAT_EVERY, 60),
    ("docs/server.md", "in batches\neach ten seconds", far.EVERY_S, 10),
    ("docs/server.md", "lives six hours", tokens.LIFE_S, 6 * 3600),
    ("docs/server.md", "for two weeks at most", tokens.RENEWABLE_S, 14 * 86400),
    ("docs/server.md", "15 s where no token was shown", connection.STRANGER_S, 15),
    ("docs/server.md", "an idle connection 150 s", connection.IDLE_S, 150),
    ("docs/server.md", "1,000 of one address", connections.MAX_STRANGERS, 1000),
    ("docs/server.md", "4 MB of one pilot", buffer_budget.OWN_BYTES, 4 << 20),
    ("docs/tasks.md", "While payloads take less than half a second", timing.SHORT_S, 0.5),
    ("docs/tasks.md", "within a second is given back", timing.AHEAD_S, 1.0),
    ("docs/tasks.md", "at most 10 minutes", sqlite_rows.MAX_BACKOFF_S, 600),
    ("docs/tasks.md", "once a minute at least", leases.LONGEST_S, 60),
    (
        "docs/tasks.md",
        "at most 1,000 files, with 200,000 characters",
        (outputs.MAX_FILES, outputs.MAX_NAMES),
        (1000, 200000),
    ),
    ("docs/tasks.md", "up to a minute after its last payload", timing.RETRY_PATIENCE_S, 60),
    (
        "docs/tasks.md",
        "(300 s; seven days with",
        (LEASE_S, task_pool.PRIVATE_LEASE_S),
        (300, 7 * 86400),
    ),
]


@pytest.mark.parametrize("document, words, found, told", NUMBERS, ids=[row[1] for row in NUMBERS])
def test_a_number_is_that_of_the_program(document, words, found, told):
    assert words in TEXTS[document] and found == told


@pytest.mark.parametrize(
    "document, told, words",
    [
        ("docs/worlds.md", r"The text form has (\d+) kB", ["--text"]),
        (
            "docs/dirac.md",
            r"makes it (\d+) kB instead of",
            [
                "--text",
                "--lean",
                "--extension",
                "extensions/pilot_dirac",
                "--defaults",
                "extensions/pilot_dirac/defaults.json",
            ],
        ),
        (
            "docs/dirac.md",
            r"kB instead of (\d+)",
            [
                "--text",
                "--extension",
                "extensions/pilot_dirac",
                "--defaults",
                "extensions/pilot_dirac/defaults.json",
            ],
        ),
    ],
)
def test_a_size_is_what_is_made(tmp_path, document, told, words):
    subprocess.check_call(
        [sys.executable, "-m", "pilot.bundle", "-o", str(tmp_path / "made")] + words,
        cwd=str(ROOT),
        stdout=subprocess.DEVNULL,
    )
    kilobytes = float(re.search(told, TEXTS[document]).group(1))
    assert abs((tmp_path / "made").stat().st_size / 1000.0 / kilobytes - 1) < 0.1


CLAIM = re.compile(r"^\| (\d+) \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", re.M)
CLAIMS = CLAIM.findall(TEXTS.get("docs/claims.md", ""))


def test_there_are_claims_and_their_numbers_rise():
    assert len(CLAIMS) >= 200 and [int(row[0]) for row in CLAIMS] == sorted(
        int(row[0]) for row in CLAIMS
    )


@pytest.mark.parametrize("row", CLAIMS, ids=lambda row: row[0])
def test_each_claim_names_a_document_and_its_test(row):
    number, document, _, held_by = row
    assert document == "help" or (ROOT / document).exists(), number
    named = re.findall(r"`([^`]+)`", held_by)
    assert named, number
    for name in named:
        path, _, function = name.partition("::")
        # a benchmark, or tox.ini
        assert path in TESTS or (ROOT / path).is_file() and not function, name
        assert not function or function in TESTS[path], name


def commands(document):
    """The lines of a document's code that start a program of ours."""
    blocks = re.findall(r"^    (\S.*)$", TEXTS[document], re.M) + [
        line
        for block in re.findall(r"^```\n(.*?)^```", TEXTS[document], re.M | re.S)
        for line in block.splitlines()
    ]
    return [line.split("   #")[0].strip() for line in blocks if "python3" in line]


# a document's command that only works beside something a test of its own brings: that test
ELSEWHERE = {
    "docs/picas.md": {
        "--pool picas+https": "tests/extensions/pilot_picas/test_launch_agent.py::test_a_pilot_runs_tokens",
        "--pool picas:picasconfig": "tests/extensions/pilot_picas/test_config.py::test_a_picasconfig_is_honoured",
    },
    "docs/dirac.md": {
        "-m pilot.bundle": "tests/extensions/pilot_dirac/test_dialect.py",
        "pilot_dirac.publish": "tests/extensions/pilot_dirac/test_publish.py",
        "pilot_dirac.compare": "tests/extensions/pilot_dirac/ops/test_compare.py",
        "wrapper.py": "tests/extensions/pilot_dirac/test_wrapper.py",
    },
    "docs/factory.md": {"pilot.factory simulate": "tests/ops/factory/test_simulation.py"},
    "docs/server.md": {
        "pilot.pool feed": "tests/real/test_rabbitmq.py",
        "python3 pilot.py ...": "tests/real/test_rabbitmq.py",
    },
}


@pytest.mark.parametrize(
    "document",
    sorted(document for document in TEXTS if document.startswith("docs/") and commands(document)),
)
def test_every_command_runs_here_or_in_a_test_of_its_own(document, tmp_path_factory):
    elsewhere, left = ELSEWHERE.get(document, {}), []
    for command in commands(document):
        held_by = [test for words, test in elsewhere.items() if words in command]
        for test in held_by:
            path, _, function = test.partition("::")
            assert path in TESTS and (
                not function or any(name.startswith(function) for name in TESTS[path])
            ), test
        if not held_by:
            left.append(command)
    if left:
        assert document == "docs/server.md"
        follow(left, tmp_path_factory.mktemp("server"))


def follow(lines, folder):
    """The server's document, followed with a server of ours and in a folder of ours."""
    server = Served(folder)
    try:
        for line in lines:
            words = line.replace("http://127.0.0.1:8420", server.url).replace(
                "https://pool.example.org:8420", server.url
            )
            words = words.replace(
                "sqlite:/var/lib/pilot-pool/pool.sqlite",
                "sqlite:%s/%s.sqlite" % (folder, "copy" if "restore" in line else "pool"),
            )
            words = (
                words.replace("/backup/pool-2026-11-21", "%s/backup" % folder)
                .replace("tokens admin", "%s/tokens admin" % folder)
                .replace("$ID >tokens/$ID", "p1")
                .replace(" >start)", " )")
            )
            if sys.version_info < (3, 7) and (" backup " in words or " restore " in words):
                continue  # the document says so
            if " serve " in words:
                assert line.split("pool.sqlite", 1)[1].split() == [
                    "--create",
                    "--listen",
                    "127.0.0.1:8420",
                ]
                continue
            if "pilot.py" in words:
                words += " --workdir %s/w" % folder
            done = subprocess.run(
                ["bash", "-c", words.replace("python3", sys.executable, 1)],
                cwd=str(ROOT),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
            )
            without_tokens = any(verb in words for verb in (" mint ", " start-token ")) and b"runs without tokens" in done.stdout
            assert done.returncode == 0 or without_tokens, "%s: %s" % (
                words,
                done.stdout.decode()[-2000:],
            )
    finally:
        server.kill()
