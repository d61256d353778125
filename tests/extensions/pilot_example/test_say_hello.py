"""The example's own command, alone."""

from pilot.testing import run_command, worker_node as node


def test_a_command_alone_is_given_facts_and_gives_facts(tmp_path, example):
    from pilot_example.say_hello import Greeting

    trial = run_command(example.SayHello, tmp_path, {"greeting": "Servus"}, [node(host="wn7")])
    assert trial.outcome.status == "ok"
    assert trial.fact(Greeting).text == "Servus, wn7!"


def test_it_may_be_skipped(tmp_path, example):
    assert (
        run_command(example.SayHello, tmp_path, {"quiet": True}, [node()]).outcome.status
        == "skipped"
    )
