"""The example package, imported as the pilot imports it, and forgotten again."""

import sys

import pytest

from tests.conftest import ROOT


@pytest.fixture
def example(monkeypatch):
    before = set(sys.modules)
    monkeypatch.syspath_prepend(str(ROOT / "extensions"))
    import pilot_example

    yield pilot_example
    for name in [name for name in set(sys.modules) - before if name.startswith("pilot_example")]:
        del sys.modules[name]
