"""Where the pilot runs, and what was set by -o, in pilot.cfg."""

from tests.extensions.pilot_dirac.dirac_client import NINE, settings_of


def test_nothing_of_a_value_is_run_and_empty_ones_swallow_nothing(flight, client, tmp_path):
    ended = flight(
        "-o", "/LocalSite/Odd=$(touch %s) `id` ; x" % (tmp_path / "run"), "-n", "A site; rm x"
    )
    assert ended.code == 0
    assert not (tmp_path / "run").exists()
    found = settings_of(ended)["LocalSite"]
    assert found["Odd"] == "$(touch %s) `id` ; x" % (tmp_path / "run")
    assert found["Site"] == "A site; rm x"
    assert client.calls("dirac-resource-get-parameters")[0][:2] == ["-S", "A site; rm x"]
    ended = flight("-Q", "", "-X", NINE)
    assert ended.status("CheckCECapabilities") == "skipped"
    assert client.calls("dirac-wms-get-wn-parameters")[-1][:4] == [
        "-S",
        "LCG.TEST.org",
        "-N",
        "ce.test",
    ]


def test_every_option_is_passed_on_and_words_are_not(flight, client):
    ended = flight("-o", "/LocalSite/A=1", "-o", "cvmfsOnly", "-o", "/LocalSite/B=2", "-X", NINE)
    found = settings_of(ended)["LocalSite"]
    assert (found["A"], found["B"]) == ("1", "2")
    assert not any("cvmfsOnly" in words for words in client.calls("dirac-configure"))


def test_a_line_break_in_a_value_stays_a_value(flight):
    ended = flight("-o", "/LocalSite/A=x\n}\n", "-X", NINE)
    assert ended.code == 0
    assert settings_of(ended)["LocalSite"]["A"] == "x }"
