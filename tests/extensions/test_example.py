import sys

import pytest

from pilot.testing import run_command, worker_node as node
from tests.conftest import ROOT


@pytest.fixture
def example(monkeypatch):
    before = set(sys.modules)
    monkeypatch.syspath_prepend(str(ROOT / "extensions"))
    import pilot_example
    yield pilot_example
    for name in [name for name in set(sys.modules) - before if name.startswith("pilot_example")]:
        del sys.modules[name]


def test_a_command_alone_is_given_facts_and_gives_facts(tmp_path, example):
    from pilot_example.say_hello import Greeting
    trial = run_command(example.SayHello, tmp_path, {"greeting": "Servus"}, [node(host="wn7")])
    assert trial.outcome.status == "ok" and trial.fact(Greeting).text == "Servus, wn7!"


def test_it_may_be_skipped(tmp_path, example):
    assert (
        run_command(example.SayHello, tmp_path, {"quiet": True}, [node()]).outcome.status
        == "skipped"
    )


def test_the_override_adds_a_rule_to_the_toolboxs(pilot):
    import os
    ended = pilot("-E", "example", "-X", "CheckWorkerNode,SayHello")
    assert ended.code == 0 and "Hello, %s!" % os.uname().nodename in ended.err
    ended = pilot("-E", "example", "-X", "CheckWorkerNode", "--banned-host", os.uname().nodename)
    assert ended.code == 10 and "is banned" in ended.out
