"""What the tests of all extensions share."""

import pytest

from pilot.base import log


@pytest.fixture(autouse=True)
def own_console(monkeypatch):
    """DIRAC's dialect changes where the log goes, for its process."""
    monkeypatch.setattr(log, "CONSOLE", log.CONSOLE)
