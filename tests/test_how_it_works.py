"""docs/how-it-works.md follows five data through the program: its files are those of the code."""

import re

import pytest

from tests.conftest import ROOT

TEXT = (ROOT / "docs" / "how-it-works.md").read_text(encoding="utf-8")
WALKS = {
    walk.split("\n")[0]: re.findall(r"^    ((?:pilot|commands)/[\w/]+\.py)", walk, re.M)
    for walk in TEXT.split("\n## ")[1:]
}


@pytest.mark.parametrize("walk", sorted(WALKS))
def test_every_file_of_a_walk_exists(walk):
    assert [path for path in WALKS[walk] if not (ROOT / path).is_file()] == []


def test_the_words_in_the_walks_are_in_the_files():
    named = re.findall(r"^    ((?:pilot|commands)/[\w/]+\.py) +(\w+)[:(]", TEXT, re.M)
    missing = [
        (path, word)
        for path, word in named
        if word not in (ROOT / path).read_text(encoding="utf-8")
    ]
    assert missing == []
