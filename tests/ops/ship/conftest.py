"""Shipping to a world."""

import pytest

from pilot.ops.ship.__main__ import main


@pytest.fixture
def ship(tmp_path, capsys):
    """Ships to a world; the folder and what was said."""

    def run(world, *words):
        assert main([world, "-o", str(tmp_path / world)] + list(words)) == 0
        return tmp_path / world, capsys.readouterr().out

    return run
