"""dirac-pilot.py's command line and environment, in the toolbox's words."""

import json
import re
import subprocess
import sys

import pytest

from pilot.engine.cli import ENGINE_OPTIONS
from pilot.engine.registry import all_options
from pilot.errors import UsageError
from tests.conftest import ROOT, extension

dirac = extension("pilot_dirac")
dialect = extension("pilot_dirac.dialect")
OPTIONS = all_options(dirac.COMMANDS, ENGINE_OPTIONS + dirac.OPTIONS)[0]


# the options of dirac-pilot.py, as its own declaration has them: short letters with : where a value
# follows
SHORT = "a:b:c d e:g:h k l:m:n:o:r:s:t:u:x:y:z C:D:E:F:G:K:M:N:O:P:Q:R:S:T:V:W:X:Z:"


LONG = (
    "requiredTag= gridCEType= cert debug extraPackages= loggerURL= help keepPP project= "
    "maxNumberOfProcessors= name= Name= option= release= reference= section= url= setup= "
    "tag= CPUTime= execute= CEType= pilotLogging configurationServer= disk= commandExtensions= "
    "pilotCFGFile= Group= certLocation= MaxCycles= PollingTime= StopOnApplicationFailure= "
    "StopAfterFailedMatches= OwnerDN= wnVO= pilotProcessors= Queue= gateway= commands= "
    "commandOptions= pilotUUID= preinstalledEnv= preinstalledEnvPrefix= modules= "
    "userEnvVariables= pipInstallOptions= architectureScript= CVMFS_locations="
)


def said(*words, **environ):
    return dialect.dialect(list(words), environ, OPTIONS)


@pytest.mark.parametrize("word", LONG.split())
def test_every_long_option_is_known(word):
    name, takes = word.rstrip("="), word.endswith("=")
    found = said("--" + name, *(["x=7" if name == "option" else "7"] if takes else []))
    assert found.words == [] and found.notes or len(found.words) == 1 and not found.notes
    if found.words:
        flag, equals, value = found.words[0].partition("=")
        assert flag in {"--" + option.name.replace("_", "-") for option in OPTIONS}
        assert bool(equals) == takes
        assert value in ("7", "x=7") or not takes
    if takes:
        assert said("--%s=%s" % (name, "x=7" if name == "option" else "7")) == found


@pytest.mark.parametrize(
    "letter", [letter for letter in SHORT.replace(":", "").replace(" ", "") if letter not in "b"]
)
def test_every_letter_is_known_apart_and_together(letter):
    takes = letter + ":" in SHORT
    value = "x=7" if letter == "o" else "7"
    apart = said("-" + letter, *([value] if takes else []))
    assert len(apart.words) + len(apart.notes) == 1
    if takes:
        assert said("-%s%s" % (letter, value)) == apart
        assert said("-d%s" % letter, value).words[1:] == apart.words


def test_abbreviations_are_getopts():
    assert said("--pilotU", "x").words == ["--pilot-id=x"]
    assert said("--Max", "3").words == ["--max-cycles=3"]
    assert said("--option", "/A=1").words == ["--option=/A=1"]
    with pytest.raises(UsageError) as told:
        said("--pre", "x")
    assert "--preinstalledEnv, --preinstalledEnvPrefix" in str(told.value)
    with pytest.raises(UsageError):
        said("-N")


def test_ours_go_between_and_dead_ones_are_noted():
    found = said(
        "-dk",
        "--workdir",
        "-N",
        "--plan",
        "-s",
        "x",
        "--cpu-power=3",
        "-V",
        "lhcb",
        "-M",
        "2",
        "stray",
        "-N",
        "y",
    )
    assert found.words == [
        "--debug",
        "--keep-python-path",
        "--workdir",
        "-N",
        "--plan",
        "--cpu-power=3",
        "--max-cycles=2",
    ]
    assert len(found.notes) == 3
    assert "-V has no effect" in found.notes[1]
    assert "'stray'" in found.notes[2]


def test_unknown_ones_are_told_with_the_nearest(pilot):
    ended = pilot("-E", "dirac", "-X", "CheckWorkerNode", "--Quue", "q1")
    assert ended.code == 2
    assert "unknown option --Quue (did you mean --queue?)" in ended.err


def test_the_talks_example_line_runs_as_it_stands(pilot):
    line = (
        "-S LHCb-Production -l LHCb -C dips://lhcb-conf-dirac.cern.ch:9135/Configuration/Server "
        "-N ce.example.org -Q default -n LCG.Example.org -M 1 -E LHCbPilot "
        "-X LHCbGetPilotVersion,CheckWorkerNode,LHCbInstallDIRAC,LHCbConfigureBasics,"
        "LHCbConfigureSite,LHCbConfigureArchitecture,LHCbConfigureCPURequirements,LaunchAgent"
    )
    ended = pilot(
        "-E", "dirac", *(line.replace("-E LHCbPilot", "-E LHCbPilot,dirac") + " --plan").split()
    )
    assert ended.code == 0
    assert "8. LaunchAgent" in ended.out
    assert "lhcb_install_dirac.py" in ended.out


def test_the_single_file_is_used_as_the_old_one(tmp_path):
    for lean in ([], ["--lean"]):
        file = tmp_path / "dirac-pilot.py"
        subprocess.check_call(
            [
                sys.executable,
                "-m",
                "pilot.bundle",
                "--text",
                "--extension",
                "extensions/pilot_dirac",
                "--extension",
                "extensions/pilot_lhcb",
                "--defaults",
                "extensions/pilot_dirac/defaults.json",
                "-o",
                str(file),
            ]
            + lean,
            cwd=str(ROOT),
            stdout=subprocess.DEVNULL,
        )
        done = subprocess.run(
            [
                sys.executable,
                str(file),
                "-E",
                "LHCb",
                "-X",
                "CheckWorkerNode",
                "-N",
                "ce",
                "-Q",
                "q",
                "-n",
                "s",
                "--pilotUUID",
                "12345678-aaaa-bbbb-cccc-123456789012",
                "-D",
                "1",
            ],
            cwd=str(tmp_path),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        assert done.returncode == 0, done.stdout
        report = json.loads((tmp_path / "pilot-report.json").read_text())
        assert report["pilot"] == "12345678-aaaa-bbbb-cccc-123456789012"
        assert report["settings"]["site"]["value"] == "s"
    listed = subprocess.check_output(
        [sys.executable, str(file), "-E", "LHCb", "--list"], cwd=str(tmp_path)
    ).decode()
    assert "LHCbInstallDIRAC" in listed
    assert "CheckCECapabilities" in listed


@pytest.mark.parametrize(
    "word, noted",
    [
        ("cvmfsonly", True),
        ("foo", True),
        ("cvmfsOnly", False),
        ("diracInstallOnly", False),
        ("/LocalSite/X=y", False),
    ],
)
def test_a_word_of_o_that_nothing_of_ours_knows_is_told(word, noted):
    assert (
        any(
            "is neither NAME=VALUE nor cvmfsOnly or diracInstallOnly" in note
            for note in said("-o", word).notes
        )
        == noted
    )


def test_help_is_there(pilot):
    ended = pilot("-E", "dirac", "-h")
    assert ended.code == 0
    assert "--remote-logger-url" in ended.out
    assert "exit codes" in ended.out
    assert re.search(r"(?m)^  -N, --Name VALUE +--ce$", ended.out)
    assert re.search(r"(?m)^  -V, --installation VALUE +has had no effect", ended.out)
    assert all("--%s" % word.long in ended.out for word in dialect.WORDS)


def test_the_stamp_and_the_vo_come_from_the_environment():
    assert said(DIRAC_PILOT_STAMP="abc").environ["PILOT_PILOT_ID"] == "abc"
    assert "PILOT_PILOT_ID" not in said("--pilotUUID", "x", DIRAC_PILOT_STAMP="abc").environ
    assert said(DIRAC_PILOT_VO="lhcb").environ["PILOT_VO"] == "lhcb"
    assert "PILOT_VO" not in said("--wnVO", "x", DIRAC_PILOT_VO="lhcb").environ


def test_what_getopt_gave_is_there_for_modules():
    assert dialect.getopt_pairs(
        [
            "-N",
            "ce",
            "--opti",
            "/A=1",
            "-o/B=2",
            "-d",
            "--cpu-power",
            "20",
            "-k",
            "--pilotSecret",
            "x",
            "--plan",
        ]
    ) == [("-N", "ce"), ("--option", "/A=1"), ("-o", "/B=2"), ("-d", ""), ("-k", "")]


@pytest.mark.parametrize(
    "words, ours",
    [
        (["--config", "dips://x:9135/C/S"], ["--configuration-servers=dips://x:9135/C/S"]),
        (["--config=pilot2.json"], ["--config=pilot2.json"]),
        (["--di", "5"], ["--min-disk-mb=5"]),
        (["--pilotUUID", "vm://space/x"], ["--pilot-id=vm-space-x"]),
    ],
)
def test_odd_ones_are_understood(words, ours):
    assert said(*words).words == ours


def test_a_stamp_may_have_any_letters():
    assert said(DIRAC_PILOT_STAMP="vm://s/x").environ["PILOT_PILOT_ID"] == "vm-s-x"


@pytest.mark.parametrize("words", [["-N"], ["--Name"], ["-dN"], ["--Nam"]])
def test_a_value_that_is_missing_is_told(words):
    with pytest.raises(UsageError, match="needs a value"):
        said(*words)


@pytest.mark.parametrize(
    "text, known_as",
    [("vm://space/x", "vm-space-x"), ("12_3.a", "12_3.a"), ("..//x-", "x"), ("a b", "a-b")],
)
def test_an_id_has_only_letters_that_a_folder_may_have(text, known_as):
    assert dialect.as_id(text) == known_as


def test_modules_get_what_stood_before_a_mistake():
    assert dialect.getopt_pairs(["-N", "ce", "--pre", "x", "-Q", "q"]) == [("-N", "ce")]


def test_modules_never_see_the_secret():
    assert dialect.getopt_pairs(["--pilotSecret=tell-nobody", "-d"]) == [("-d", "")]


@pytest.mark.parametrize("variable", ["PILOT_VO", "PILOT_PILOT_ID"])
def test_our_own_variables_come_before_diracs(variable):
    given = {variable: "ours", "DIRAC_PILOT_VO": "theirs", "DIRAC_PILOT_STAMP": "theirs"}
    assert said(**given).environ[variable] == "ours"
