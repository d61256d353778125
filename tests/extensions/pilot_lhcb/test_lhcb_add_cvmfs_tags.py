"""Tags for the repositories that a node has."""

import pytest

from tests.conftest import extension

module = extension("pilot_lhcb.lhcb_add_cvmfs_tags")


@pytest.fixture
def tagged(step, tmp_path, monkeypatch):
    """The text of pilot.cfg on a node with these repositories; those with "!" hang."""

    def run(*names):
        bin = tmp_path / "bin"
        bin.mkdir()
        (bin / "ls").write_text(
            "#!/bin/sh\ncase $1 in %s) echo file;; %s) exec sleep 60;; *) exit 2;; esac\n" % (
                " | ".join("/cvmfs/" + name for name in names if "!" not in name) or "none",
                " | ".join("/cvmfs/" + name[1:] for name in names if "!" in name) or "none",
            )
        )
        (bin / "ls").chmod(0o755)
        monkeypatch.setenv("PATH", "%s:/usr/bin:/bin" % bin)
        if any("!" in name for name in names):
            monkeypatch.setattr(extension("pilot_dirac.certificates"), "LOOK_S", 1.0)
        step(module.LHCbAddCVMFSTags, {}, PATH="%s:/usr/bin:/bin" % bin)
        path = tmp_path / "pilot.cfg"
        return path.read_text() if path.exists() else ""

    return run


def test_each_repository_that_is_there_is_a_tag(tagged):
    text = tagged("lhcb.cern.ch", "unpacked.cern.ch")
    assert "Tag = /cvmfs/lhcb.cern.ch\n" in text
    assert "Tag += /cvmfs/unpacked.cern.ch\n" in text
    assert "condb" not in text


def test_a_node_without_any_has_no_tag(tagged):
    assert "Tag" not in tagged()


def test_a_repository_that_hangs_is_left_out_and_told(tagged, caplog):
    assert "lhcbdev" not in tagged("!lhcbdev.cern.ch")
    assert "/cvmfs/lhcbdev.cern.ch does not answer" in caplog.text
