"""Everything that DIRAC's own modules offer is there for communities' modules, with the same types."""

import importlib
import json
import re
from pathlib import Path

import pytest

from tests.conftest import ROOT, extension

faces = extension("pilot_dirac.faces")
standalone = extension("pilot_dirac.standalone")
FACTS = json.loads((Path(__file__).parent / "upstream_names.json").read_text())
MODULES = ("pilotTools", "pilotCommands", "proxyTools")
# what is not there or of another type; docs/dirac.md has each of these names
OTHERWISE = {"findExtension", "parseASN1", "messageTemplate"}
OTHER_TYPES = {"installEnv": dict, "preferredURLPatterns": list, "loggerTimerInterval": float}


@pytest.mark.parametrize("module", MODULES)
def test_every_public_name_is_there(module):
    faces.install_faces()
    names = set(FACTS[module]["names"]) - OTHERWISE
    assert sorted(name for name in names if not hasattr(importlib.import_module(module), name)) == []


@pytest.mark.parametrize("module", MODULES)
def test_every_method_that_modules_may_call_or_override_is_there(module):
    faces.install_faces()
    found = importlib.import_module(module)
    missing = [
        (kind, name)
        for kind, names in FACTS[module]["methods"].items()
        for name in set(names) - OTHERWISE
        if not hasattr(getattr(found, kind), name)
    ]
    assert missing == []


def test_the_parameters_have_upstreams_names_and_types(tmp_path, monkeypatch):
    """Made as a community's unit test makes them: without our engine."""
    (tmp_path / "pilot.json").write_text(json.dumps({
        "CEs": {"ce.test": {"Site": "LCG.TEST.org", "GridCEType": "TEST"}},
        "ConfigurationServers": ["dips://cs"], "DefaultSetup": "S",
        "Defaults": {"Pilot": {"Version": "9.1.22"}},
    }))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["dirac-pilot.py", "-N", "ce.test", "-Q", "q1"])
    faces.install_faces()
    found = vars(importlib.import_module("pilotTools").PilotParams())
    types = {name: type(found[name]).__name__ if name in found else "" for name in FACTS["attributes"]}
    expected = dict(FACTS["attributes"], **{name: kind.__name__ for name, kind in OTHER_TYPES.items()})
    assert types == expected


def test_the_documentation_names_what_is_otherwise():
    text = (ROOT / "docs" / "dirac.md").read_text()
    names = OTHERWISE | set(OTHER_TYPES)
    assert [name for name in sorted(names) if not re.search(r"`%s`" % name, text)] == []
