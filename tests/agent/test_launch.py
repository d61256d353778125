"""Around the agent's process: its orders, its tasks, its story, its end."""

import json
import os
import signal
import subprocess
import sys
from types import SimpleNamespace

import pytest

from pilot.agent import relay, task_pool
from pilot.base import process
from pilot.errors import NodeUnfit
from pilot.pool import open_pool
from tests.agent.running import (
    PLAN,
    STUBBORN,
    BusyPilot,
    agent_of,
    gone,
    put,
    sleeper,
    started,
    status_of,
)
from tests.conftest import ROOT, steady, until
from tests.pool.served import Served


def test_tasks_with_a_pool_go_into_that_pool_and_stay_there(run, tmp_path):
    ended = run(
        [{"id": "a", "command": ["true"]}, {"id": "b", "command": ["true"]}],
        "--pool",
        "sqlite:%s/p.sqlite" % tmp_path,
        "--max-tasks",
        "1",
    )
    with open_pool("sqlite:%s/p.sqlite" % tmp_path) as pool:
        assert ended.code == 0
        assert (pool.status()["done"], pool.status()["todo"]) == (1, 1)


def test_a_killed_agent_takes_its_payload_along_and_the_pilot_says_so(tmp_path, start_pilot):
    busy = BusyPilot(tmp_path, start_pilot, STUBBORN, "--lease-s", "3")
    until(lambda: "task started" in (tmp_path / "w" / "pilot-events.jsonl").read_text())
    os.kill(busy.agent, signal.SIGKILL)
    assert busy.child.wait(timeout=60) == 40
    until(lambda: gone(busy.payload), 5, "the payload's end")
    assert "exited without reporting its end" in busy.report["commands"][-1]["reason"]
    until(lambda: status_of(busy.pool)["locked"] == 0, 10, "the lease's end")
    assert json.loads((tmp_path / "w" / "pilot-report.json").read_text())["tasks"]["lost"] == 1


def test_what_agent_and_warden_leave_when_both_are_killed_is_ended_by_the_pilot(
    pool, start_pilot, tmp_path
):
    put(
        pool,
        {
            "id": "a",
            "script": "(env -i setsid sh -c 'echo $$ > %s/stray; exec sleep 300' &) ; " % tmp_path
            + sleeper(tmp_path),
        },
    )
    child = start_pilot(
        *(PLAN + ("--pool", pool, "--workdir", str(tmp_path / "w"), "--stop-grace-s", "0.5"))
    )
    payload, stray = started(tmp_path), started(tmp_path, "stray")
    agent, warden = agent_of(child)
    os.kill(agent, signal.SIGSTOP)  # it shall not replace the warden
    os.kill(warden, signal.SIGKILL)
    os.kill(agent, signal.SIGKILL)
    until(lambda: gone(payload) and gone(stray), what="the payload's end")
    assert child.wait(timeout=20) == 40
    assert "the agent's warden had died, too" in (tmp_path / "w" / "pilot.log").read_text()


def test_a_wrong_token_is_told_at_once(tmp_path, pilot):
    folder = tmp_path / "guarded"
    folder.mkdir()
    subprocess.check_output(
        [sys.executable, "-m", "pilot.pool", "token", str(folder / "tokens"), "admin", "alice"],
        cwd=str(ROOT),
    )
    server = Served(folder, "--tokens", str(folder / "tokens"))
    try:
        ended = pilot(
            "-X",
            "CheckWorkerNode,LaunchAgent",
            "--pool",
            server.url,
            "--pool-token",
            "not-the-right-one",
        )
        assert ended.code == 50
        assert "this server does not know the token" in ended.err
        assert "not-the-right-one" not in ended.err + ended.out + str(ended.report)
    finally:
        server.kill()


def test_a_token_file_named_from_here_is_found_by_the_agent_elsewhere(tmp_path, pilot):
    folder = tmp_path / "guarded"
    folder.mkdir()
    token = subprocess.check_output(
        [sys.executable, "-m", "pilot.pool", "token", str(folder / "tokens"), "admin", "alice"],
        cwd=str(ROOT),
    ).decode()
    (tmp_path / "mine").write_text(token)
    (tmp_path / "empty").write_text("")
    server = Served(folder, "--tokens", str(folder / "tokens"))
    try:
        ended = pilot(
            "-X", "CheckWorkerNode,LaunchAgent", "--pool", server.url, "--pool-token-file", "mine"
        )
        assert ended.code == 0, ended.err
        began = steady()
        ended = pilot(
            "-X", "CheckWorkerNode,LaunchAgent", "--pool", server.url, "--pool-token-file", "empty"
        )
        assert ended.code == 50
        assert "/empty is empty" in ended.err
        assert steady() - began < 20
        minted = subprocess.check_output(
            [sys.executable, "-m", "pilot.pool", "mint", server.url, "p9"],
            cwd=str(ROOT),
            env=dict(os.environ, PILOT_POOL_TOKEN=token.strip()),
        )
        ended = pilot(
            "-X",
            "CheckWorkerNode,LaunchAgent",
            "--pool",
            server.url,
            "--pool-token",
            minted.decode().strip(),
            "--pilot-id",
            "another",
        )
        assert ended.code == 50
        assert "the token is pilot p9's" in ended.err
        assert steady() - began < 40
    finally:
        server.kill()


@pytest.mark.parametrize(
    "code, stderr, running, sentence",
    [
        (3, "", [], "it ended with 3"),
        (-9, "", [], "it was killed by SIGKILL"),
        (1, "Traceback\nKeyError: 'x'\n\n", [], "it ended with 1: KeyError: 'x'"),
        (
            -9,
            "",
            ["b", "a"],
            "it was killed by SIGKILL; it was running a, b, whose leases end by themselves",
        ),
        (
            -9,
            "",
            list("abcdefg"),
            "it was killed by SIGKILL; it was running a, b, c, d, e and others, whose leases end by"
            " themselves",
        ),
    ],
)
def test_how_an_agent_died_is_one_sentence(code, stderr, running, sentence):
    result = process.Result(("agent",), code, "", stderr, 1.0)
    told = relay.describe_death(result, SimpleNamespace(running=dict.fromkeys(running)))
    assert told == "the agent exited without reporting its end: " + sentence


@pytest.fixture
def story():
    """What the agent says, told on; `events` has what went into the stream."""
    events = []

    def emit(kind, command, **fields):
        events.append(dict(fields, event=kind))

    ctx = SimpleNamespace(
        events=SimpleNamespace(emit=emit),
        settings={"task": ""},
        interrupts=SimpleNamespace(drain=False),
    )
    one = relay.AgentRelay(ctx)
    one.events = events
    one.say = lambda **told: one.line(json.dumps(told))
    return one


def finish(story, outcome, reason=""):
    story.say(event="task started", task="a", generation=1)
    story.say(event="task finished", task="a", outcome=outcome, reason=reason)


def test_an_agents_events_go_into_the_stream(story):
    story.say(event="task usage", task="a", cpu_s=3)
    assert story.events == [{"event": "task usage", "task": "a", "cpu_s": 3}]


def test_an_agent_listens_when_it_says_so(story):
    before = story.listens
    story.say(event="agent started")
    assert (before, story.listens) == (False, True)


def test_an_agents_last_word_is_kept(story):
    story.say(event="agent finished", exit_code=50, reason="away")
    assert story.end == (50, "away")


@pytest.mark.parametrize("outcome", ["done", "error", "released"])
def test_ends_of_tasks_are_counted(story, outcome):
    finish(story, outcome)
    assert story.counts == dict({"done": 0, "error": 0, "released": 0}, **{outcome: 1})


def test_a_task_that_is_over_runs_no_more(story):
    finish(story, "done")
    assert story.running == {}


def test_the_last_failure_is_kept(story):
    finish(story, "error", "exit code 3")
    assert story.failure == "exit code 3"


def test_what_ran_when_the_agent_died_is_told_as_lost(story):
    story.say(event="task started", task="a", generation=4)
    story.lose_all()
    assert story.events[-1] == {
        "event": "task finished",
        "task": "a",
        "generation": 4,
        "outcome": "lost",
        "reason": "the agent died",
    }


@pytest.mark.parametrize("line", ["no JSON", "[1]", '{"x": 1}', '{"event": 7}', "[" * 100000])
def test_a_line_that_is_no_event_goes_to_the_log(story, caplog, line):
    with caplog.at_level("INFO"):
        story.line(line)
    assert (story.events, caplog.messages) == ([], [line])


def test_a_log_record_of_the_agents_has_its_level(story, caplog):
    story.say(event="log", level="WARNING", message="100 % full")
    assert [(one.levelname, one.message) for one in caplog.records] == [("WARNING", "100 % full")]


def test_a_workdir_too_deep_for_a_pool_is_told(tmp_path):
    ctx = SimpleNamespace(settings={"pool": ""}, workdir="/" + "w" * 490)
    with pytest.raises(NodeUnfit, match="path has 491 bytes, SQLite takes no more than 470: give"):
        task_pool.choose_pool(ctx, ctx.workdir + "/pilot-123")


def test_outputs_that_cannot_be_made_are_told_before_any_task(pilot, tasks_file):
    tasks = tasks_file({"command": ["true"]})
    ended = pilot(*PLAN, "--tasks", tasks, "--output-dir", "/dev/null/x")
    assert "--output-dir /dev/null/x cannot be made here: Not a directory" in ended.err
