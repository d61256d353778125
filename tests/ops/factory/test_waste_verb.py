"""The verb waste."""

import pytest

from pilot.ops.factory.__main__ import main
from tests.conftest import until
from tests.ops.factory.farming import live, shown, site, tasks


def test_waste_shows_what_slots_were_used_for(farm, capsys):
    until(lambda: main(["once", farm.file]) == 0 and tasks(farm.folder)["done"] == 3, 60)
    until(lambda: main(["once", farm.file]) == 0 and not live(farm.file), 60)
    (row,) = shown("waste", farm.file)
    assert (row["site"], row["pilots"]) == ("home", site(farm.file)["ended_well"])
    assert row["allocated_h"] == pytest.approx(
        sum(row[name + "_h"] for name in ("setup", "well", "failed", "idle", "after_last", "unreported")),
        abs=0.001,
    )
    assert row["unreported_h"] == 0.0
    capsys.readouterr()
    assert main(["waste", farm.file, "--csv"]) == 0
    head, line = capsys.readouterr().out.splitlines()
    assert head.startswith("day,site,pilots,asked_h,queue_h,allocated_h,")
    assert line.split(",")[1] == "home"
    assert main(["waste", farm.file]) == 0
    assert "efficiency" in capsys.readouterr().out
    assert main(["waste", farm.file, "--days", "x"]) == 2
