"""The differences that are wanted, and their sentences."""

import re

from tests.conftest import ROOT, extension

differences = extension("pilot_dirac.ops.differences")
wanted = extension("pilot_dirac.ops.wanted")


def test_the_documentation_names_every_wanted_difference():
    text = re.sub(r"\s+", " ", (ROOT / "docs" / "dirac.md").read_text())
    assert [rule.why for rule in wanted.RULES if rule.why not in text] == []


def test_an_unknown_difference_is_not_wanted():
    assert wanted.find_rule(differences.Difference("pilot.cfg /LocalSite/Site", "A", "")) is None


def test_a_pilot_that_begins_to_fail_is_never_wanted():
    assert wanted.find_rule(differences.Difference("exit code", "0", "30")) is None


def test_a_wanted_one_has_its_reason():
    rule = wanted.find_rule(differences.Difference("dirac-configure: starts", "6", "1"))
    assert rule.why.startswith("dirac-configure is started once")
