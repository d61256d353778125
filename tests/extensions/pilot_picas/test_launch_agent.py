"""Pilots that pull tokens."""

import json

import pytest

from tests.conftest import extension
from tests.extensions.pilot_picas.tokens import TOKEN
from tests.pool.asking import add

launch_agent = extension("pilot_picas.launch_agent")


def test_a_pilot_runs_tokens(couch, pool, pilot, tmp_path):
    couch.documents["t1"] = dict(TOKEN)
    couch.documents["t2"] = dict(TOKEN, _id="t2", input="exit 4", scrub_count=2)
    add(pool, "ours")
    ended = pilot(
        "-E",
        "picas",
        "-X",
        "CheckWorkerNode,LaunchAgent",
        "--pool",
        couch.url,
        "--picas-command",
        "sh -c {input}",
    )
    assert ended.code == 0
    assert ended.report["tasks"]["done"] == 2
    assert ended.report["tasks"]["error"] == 1
    assert couch.documents["t1"]["exit_code"] == 0
    assert couch.documents["t2"]["exit_code"] == 4
    assert couch.documents["t2"]["done"] > 0
    assert "hunter22" not in ended.err + ended.out + json.dumps(ended.report)


def test_plan_mistakes_are_told(pilot):
    ended = pilot(
        "-E",
        "picas",
        "-X",
        "CheckWorkerNode,LaunchAgent",
        "--pool",
        "picas+http://h/d",
        "--picas-command",
        "run {input",
        "--picas-view",
        "x",
    )
    assert ended.code == 2
    assert "a { without its }" in ended.err


SETTINGS = {"picas_view": "Monitor/todo", "picas_command": None}


@pytest.mark.parametrize(
    "command, words",
    [("./run.sh {input}", "/here/./run.sh '{input}'"), ("run {_id}", "run '{_id}'")],
)
def test_a_program_named_from_here_is_named_from_the_root(command, words):
    orders = launch_agent.agent_orders(dict(SETTINGS, picas_command=command), "/here")
    assert orders["PILOT_PICAS_COMMAND"] == words


def test_without_a_command_none_is_ordered():
    assert "PILOT_PICAS_COMMAND" not in launch_agent.agent_orders(SETTINGS, "/here")


@pytest.mark.parametrize("view", ["todo", "a/b/c"])
def test_a_view_that_is_none_is_told(pilot, view):
    words = ("-E", "picas", "-X", "CheckWorkerNode,LaunchAgent", "--pool", "picas+http://h/d")
    ended = pilot(*(words + ("--picas-view", view)))
    assert ended.code == 2
    assert "--picas-view %s: is not DESIGN/VIEW" % view in ended.err
