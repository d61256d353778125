"""Nagios plug-ins: how they are started, and what their end and their words mean."""

import os
import shutil

import pytest

from pilot.base import process
from pilot.errors import UsageError
from pilot.node import nagios


def plugin(folder, text, mode=0o755):
    path = folder / "p"
    path.write_text("#!/bin/sh\n" + text)
    path.chmod(mode)
    return str(path)


def judged(folder, text, timeout_s=60.0):
    plugin(folder, text)
    return nagios.probe("p", str(folder), dict(os.environ), timeout_s)


def test_labels_may_hold_quotes_and_equal_signs():
    assert nagios.parse_output("x | 'it''s a=b'=5%;1;2")[1] == {"it's a=b": "5%"}
    assert nagios.parse_output("") == ("", {})


@pytest.mark.parametrize(
    "code, state", [(0, "OK"), (1, "WARNING"), (2, "CRITICAL"), (3, "UNKNOWN"), (77, "UNKNOWN")]
)
def test_the_exit_code_is_the_state(tmp_path, code, state):
    assert judged(tmp_path, "echo x; exit %d" % code).state == state


def test_a_plugin_that_says_nothing_is_judged_by_its_errors(tmp_path):
    assert judged(tmp_path, "echo broken >&2; exit 2").text == "broken"


def test_a_plugin_that_is_silent_altogether_is_told(tmp_path):
    assert judged(tmp_path, "exit 2").text == "it printed nothing"


def test_a_plugin_that_hangs_is_unknown(tmp_path):
    found = judged(tmp_path, "sleep 300", 0.3)
    assert found.state == "UNKNOWN"
    assert found.text.startswith("no answer within")


def test_a_plugin_that_is_not_there_is_critical(tmp_path):
    found = nagios.probe("no-such-probe", str(tmp_path), dict(os.environ), 60)
    assert found.state == "CRITICAL"
    assert "cannot be started" in found.text


def test_a_plugin_that_says_why_with_the_shells_own_code_is_no_missing_one(tmp_path):
    found = judged(tmp_path, "echo no tool; exit 127")
    assert (found.state, found.text) == ("UNKNOWN", "no tool")


def test_a_plugin_runs_in_the_workdir(tmp_path):
    (tmp_path / "marker").write_text("here")
    assert judged(tmp_path, "cat marker").text == "here"


def test_a_plugin_is_named_without_its_folder(tmp_path):
    path = plugin(tmp_path, "exit 0")
    assert nagios.probe(path, "/", dict(os.environ), 60).name == "p"


def test_a_file_of_the_workdir_need_not_be_executable(tmp_path):
    path = plugin(tmp_path, "exit 0", 0o600)
    assert nagios.probe_argv("p 'a b'", str(tmp_path)) == [path, "a b"]
    assert os.access(path, os.X_OK)


def test_what_is_no_file_of_the_workdir_is_looked_for_on_path(tmp_path):
    assert nagios.probe_argv("check_load -w 5", str(tmp_path)) == ["check_load", "-w", "5"]


@pytest.mark.parametrize(
    "text, words", [("p 'a", "--probes: \"p 'a\": No closing quotation"), (" ", "an empty name")]
)
def test_a_probe_that_cannot_be_read_is_told(tmp_path, text, words):
    with pytest.raises(UsageError, match=words):
        nagios.probe_argv(text, str(tmp_path))


def test_what_a_plugin_says_before_it_hangs_is_not_its_judgement():
    ran = process.run(
        [shutil.which("sh"), "-c", "echo OK; exec sleep 300"], timeout_s=0.3, ok=None
    )
    assert nagios.judge("p", ran).state == "UNKNOWN"


@pytest.mark.parametrize(
    "text, words, perfdata",
    [
        ("OK - fine\n", "OK - fine", {}),
        ("OK | a=1 b=2s;3;4\n", "OK", {"a": "1", "b": "2s"}),
        ("OK | a=1\nlong text | c=3\nd=4\n", "OK", {"a": "1", "c": "3", "d": "4"}),
        ("OK |\n", "OK", {}),
        ("\nlater\n", "later", {}),
    ],
)
def test_words_and_perfdata_are_told_apart(text, words, perfdata):
    assert nagios.parse_output(text) == (words, perfdata)
