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


def test_the_usual_word_is_hello(tmp_path, example):
    from pilot_example.say_hello import Greeting

    trial = run_command(example.SayHello, tmp_path, {}, [node(host="wn7")])
    assert trial.fact(Greeting).text == "Hello, wn7!"


def test_why_nothing_was_said_is_told(tmp_path, example):
    outcome = run_command(example.SayHello, tmp_path, {"quiet": True}, [node()]).outcome
    assert outcome.reason == "--quiet was given"


def test_without_a_look_at_the_node_the_plan_is_refused(pilot):
    ended = pilot("-E", "example", "-X", "SayHello")
    assert ended.code == 2
    assert "WorkerNode" in ended.err
