"""Pilots that pull tokens."""

import json

from tests.extensions.pilot_picas.tokens import TOKEN
from tests.pool.asking import add


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
