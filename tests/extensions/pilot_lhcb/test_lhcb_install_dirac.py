"""LHCbDIRAC from LHCb's own place on CVMFS, else installed here."""

import os
import shlex

from tests.conftest import extension
from tests.extensions.pilot_dirac.dirac_client import settings_of

lhcb = extension("pilot_lhcb")


def test_lhcbs_names_take_cvmfs_first_and_fall_back(flight, client, tmp_path):
    shared = tmp_path / "lhcb.cern.ch" / "v10r1" / ("Linux-" + os.uname().machine)
    shared.mkdir(parents=True)
    (shared / "diracosrc").write_text(client.env.read_text())
    names = ",".join(command.name for command in lhcb.COMMANDS[:6])
    ended = flight(
        "-X",
        names,
        "-r",
        "v10r1",
        "--lhcb-cvmfs",
        str(tmp_path / "lhcb.cern.ch"),
        "--preinstalledEnv=",
        extensions="lhcb,dirac",
    )
    assert ended.code == 0, ended.out
    assert "env:" in ended.report["facts"]["Installation"]["source"]
    assert settings_of(ended)["LocalSite"]["Architecture"] == "x86_64-el9"
    assert "-e" in client.calls("dirac-configure")[0]
    assert "LHCb" in client.calls("dirac-configure")[0]
    (shared / "diracosrc").write_text("echo no longer there; return 3\n")
    installer = tmp_path / "DIRACOS.sh"
    installer.write_text(
        "mkdir diracos; cp %s diracos/diracosrc; printf '#!/bin/sh\\nexit 0\\n' > %s/pip; "
        "chmod +x %s/pip\n"
        % ((shlex.quote(str(client.env)),) + (shlex.quote(str(client.bin)),) * 2)
    )
    ended = flight(
        "-X",
        "LHCbGetPilotVersion,LHCbInstallDIRAC",
        "-r",
        "v10r1",
        "--lhcb-cvmfs",
        str(tmp_path / "lhcb.cern.ch"),
        "--diracos-url",
        str(installer),
        "--preinstalledEnv=",
        extensions="lhcb,dirac",
    )
    assert ended.code == 0
    assert [one["ok"] for one in ended.report["facts"]["Installation"]["attempts"]] == [False, True]


def test_an_environment_that_is_named_comes_before_lhcbs_place(flight, client, tmp_path):
    ended = flight("-X", "LHCbInstallDIRAC", "--lhcb-cvmfs", str(tmp_path), extensions="lhcb,dirac")
    assert str(client.env) in ended.report["facts"]["Installation"]["source"]


def test_lhcbs_place_may_be_named_by_a_variable(flight, client, tmp_path):
    shared = tmp_path / "sw" / "pro" / ("Linux-" + os.uname().machine)
    shared.mkdir(parents=True)
    (shared / "diracosrc").write_text(client.env.read_text())
    ended = flight(
        "-X",
        "LHCbInstallDIRAC",
        "--lhcb-cvmfs",
        "$SOFTWARE/sw",
        "--preinstalledEnv=",
        extensions="lhcb,dirac",
        env=dict(os.environ, SOFTWARE=str(tmp_path)),
    )
    assert str(shared) in ended.report["facts"]["Installation"]["source"]


def test_where_nothing_lies_cvmfs_only_is_a_sentence(flight, tmp_path):
    ended = flight(
        "-X",
        "LHCbInstallDIRAC",
        "--lhcb-cvmfs",
        str(tmp_path / "none"),
        "--preinstalledEnv=",
        "-o",
        "cvmfsOnly",
        extensions="lhcb,dirac",
    )
    assert ended.code == 20
    assert "cvmfsOnly forbids to install here" in ended.out
