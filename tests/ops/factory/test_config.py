"""The INI file: values, units, and a sentence with its line for each mistake."""

import random

import pytest

from pilot.errors import UsageError
from pilot.ops.factory.config import SITE_KEYS, parse_farm, read_farm

BACKENDS = ("local", "slurm")
GOOD = """\
# a farm
[factory]
pool = sqlite:pool.sqlite
max_total = 100

[defaults]
max_running = 20
walltime = 12h

[site main]
backend = slurm
cores = 8
memory = 16G
tags = a, b
groups = big
options = --partition=batch "--comment=a b"
environment = A=1 "B=two words"
policy = demand scale(0.5) persist(30)
downtime = 2026-12-01T08:00/2026-12-01T18:00

[site home]
backend = local
pool = https://server:8420
max_running = 2
"""


def read(text):
    return parse_farm(text, "/somewhere/farm.ini", BACKENDS)


def test_values_units_and_defaults():
    main, home = read(GOOD).sites
    assert (main.cores, main.memory_mb, main.walltime_s) == (8, 16384, 43200.0)
    assert (main.max_running, home.max_running, main.max_pending) == (20, 2, 5)
    assert main.options == ("--partition=batch", "--comment=a b")
    assert main.environment == (("A", "1"), ("B", "two words"))
    assert (main.tags, main.groups) == (("a", "b"), ("big",))
    assert [link.name for link in main.policy] == ["demand", "scale(0.5)", "persist(30)"]
    assert [one.end - one.begin for one in main.downtime] == [36000.0]


def test_paths_count_from_the_file():
    farm = read(GOOD)
    assert farm.sites[0].pool == "sqlite:/somewhere/pool.sqlite"
    assert (farm.book, farm.name) == ("/somewhere/farm.ini.book", "farm")


def test_a_site_or_a_group_is_selected_by_its_name():
    farm = read(GOOD)
    assert [site.name for site in farm.select("big")] == ["main"]
    assert [site.name for site in farm.select("home")] == ["home"]
    assert len(farm.select(None)) == 2
    with pytest.raises(UsageError, match="there is no site or group 'hom' .did you mean home"):
        farm.select("hom")


@pytest.mark.parametrize(
    "old, new, words",
    [
        ("cores = 8", "core = 8", "line 12: [site main] core: there is no such key (did you mean cores?)"),
        ("cores = 8", "cores = 0", "line 12: [site main] cores: '0' is not a whole number from 1"),
        ("memory = 16G", "memory = lots", "line 13: [site main] memory: "),
        ("walltime = 12h", "walltime = soon", "line 8: [defaults] walltime: "),
        ("max_total = 100", "max_totl = 1", "line 4: [factory] max_totl: there is no such key (did you mean max_total?)"),
        ("backend = slurm", "backend = slrum", "line 11: [site main] backend: 'slrum' is no backend (did you mean slurm?)"),
        ("backend = local\n", "", "[site home] backend: is missing: local, slurm"),
        ("[defaults]", "[default]", "line 6: [default]: is not [factory], [defaults] or [site NAME] (did you mean defaults?)"),
        ("scale(0.5)", "scal(0.5)", "line 18: [site main] policy: 'scal(0.5)' is no policy"),
        ("/2026-12-01T18:00", "", "line 19: [site main] downtime: '2026-12-01T08:00' is no window of UTC"),
        ("cores = 8", "min_running = 30", "line 12: [site main] min_running: is more than max_running"),
        ("cores = 8", "mode = asleep", "line 12: [site main] mode: "),
        ("options = --partition=batch", "options = 'open", "line 16: [site main] options: No closing quotation"),
        ("pool = sqlite:pool.sqlite\n", "", "[site main] pool: is missing, here and in [factory]"),
    ],
)
def test_a_mistake_is_told_with_its_line(old, new, words):
    with pytest.raises(UsageError) as caught:
        read(GOOD.replace(old, new, 1))
    assert any(words in problem for problem in caught.value.problems), caught.value.problems


def test_all_mistakes_are_told_at_once():
    text = GOOD.replace("cores = 8", "core = 8").replace("16G", "lots").replace("12h", "soon")
    with pytest.raises(UsageError) as caught:
        read(text)
    assert len(caught.value.problems) == 3


@pytest.mark.parametrize("text", ["", "[factory]\npool = sqlite:x\n"])
def test_a_file_without_sites_is_told(text):
    with pytest.raises(UsageError, match=r"has no \[site NAME\]; `pilot.factory add` makes one"):
        read(text)


def test_a_file_that_is_not_there_is_told(tmp_path):
    with pytest.raises(UsageError, match="cannot be read: No such file"):
        read_farm(str(tmp_path / "farm.ini"), BACKENDS)


def test_ten_thousand_damaged_files_give_sentences():
    source = random.Random(3)
    words = list(SITE_KEYS) + ["[site a]", "[", "]", "=", "\n", "%", "\0", "1e999", "[factory]", "#"]
    lines = GOOD.splitlines(True)
    for _ in range(10000):
        text = list(lines)
        for _ in range(source.randrange(1, 4)):
            at = source.randrange(len(text))
            text[at] = source.choice(
                ["", text[at] * 2, source.choice(words) + text[at],
                 text[at].replace(source.choice("=[]0128"), source.choice(words)), source.choice(words)]
            )
        try:
            read("".join(text))
        except UsageError as error:
            assert all("\n" not in problem for problem in error.problems)
