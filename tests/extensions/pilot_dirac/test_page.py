"""The page for those who come from dirac-pilot.py names tests that exist, and every fault of the
list."""

import re

from tests.conftest import ROOT

PAGE = (ROOT / "docs" / "dirac.md").read_text()


WHERE = {
    word: "extensions/pilot_*/test_*.py"
    for word in ("commands", "line", "modules", "install", "remote")
}
WHERE["real"] = "real/test_dirac.py"
WHERE["`tests/node/test_hardware.py`"] = "node/test_hardware.py"


def test_every_test_that_the_page_names_is_there():
    named = 0
    for words, names in re.findall(r"((?:%s)): ((?:`\w+`(?:, )?)+)" % "|".join(WHERE), PAGE):
        text = "".join(path.read_text() for path in (ROOT / "tests").glob(WHERE[words]))
        for name in re.findall(r"`(\w+)`", names):
            named += 1
            assert "def test_%s(" % name in text, (words, name)
    assert named > 50


def test_no_fault_is_left_out():
    rows = re.findall(r"(?m)^\| ([\d, ]+) \|", PAGE)
    assert sorted(int(number) for row in rows for number in row.split(",")) == list(range(1, 39))
