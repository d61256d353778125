"""What a server learns of a factory."""

import pytest

from pilot.ops.factory import reporting
from pilot.ops.factory.config import parse_farm
from pilot.ops.factory.guards import Limits
from pilot.ops.factory.reporting import Reporter, describe_state, server_of, state_word
from pilot.ops.factory.jobs import JobState
from pilot.ops.server import tokens
from tests.ops.factory.conftest import Factory
from tests.ops.server.asking import ask
from tests.pool.conftest import Within

FARM = "[factory]\npool = %s\n%s\n[site main]\nbackend = local\n"


def farm_of(pool, more=""):
    return parse_farm(FARM % (pool, more), "/f/farm.ini", ("local",))


@pytest.fixture
def ran(tmp_path):
    """A factory and the reports of its one cycle, for a site with three tasks."""
    from pilot.ops.factory.cycle import Access, run_cycle
    from tests.ops.factory.conftest import NoFiles

    one = Factory(tmp_path / "book")
    one.want(3)
    access = Access(lambda name: one.system, one._read_demand, lambda *words: set(), lambda source: 0, lambda site: None, NoFiles())
    yield one, run_cycle(one.farm(), one.book, access)
    one.book.close()


@pytest.fixture
def server(tmp_path):
    """A server with a factory's token; `keys` has the tokens."""
    path = str(tmp_path / "tokens")
    keys = {role: tokens.add_token(path, role, role) for role in ("factory", "reader")}
    one = Within(tmp_path / "served.sqlite", tokens.read_keyring(path))
    one.keys = keys
    yield one
    one.close()


def test_the_server_shows_sites_numbers_and_decisions(server, ran):
    farm, (factory, reports) = farm_of(server.url), ran
    reporter = Reporter(farm, {"PILOT_POOL_TOKEN": server.keys["factory"]})
    reporter.report(farm, describe_state(farm, factory.book, reports))
    reporter.close()
    (found,) = ask(server, "GET", "/v1/factories", None, server.keys["reader"])[1]["factories"]
    (site,) = found["sites"]
    assert (found["factory"], found["state"]) == ("farm", "running")
    assert (site["site"], site["state"], site["demand"]) == ("main", "ok", 3)
    assert site["why"].endswith("= 3 -> submit 3")
    assert (site["idle"], site["decisions"], found["unmet"]) == (0, {"submit": 1}, [])


def test_a_state_that_arrives_late_does_not_replace_a_newer_one(server):
    def event(seq, state):
        return {"pilot": "farm", "seq": seq, "event": "factory state", "state": state}

    for seq, state in ((5, "new"), (4, "late"), (5, "again")):
        body = {"events": [event(seq, state)]}
        assert ask(server, "POST", "/v1/events", body, server.keys["factory"])[0] == 200
    (found,) = ask(server, "GET", "/v1/factories", None, server.keys["reader"])[1]["factories"]
    assert found["state"] == "new"


def test_a_server_that_is_away_is_told_once(caplog):
    farm = farm_of("http://127.0.0.1:1")
    reporter = Reporter(farm, {})
    for _ in range(3):
        reporter.report(farm, {"state": "running", "sites": []})
    reporter.close()
    assert len([line for line in caplog.messages if "cannot be reported" in line]) == 1


@pytest.mark.parametrize(
    "pool, more, url",
    [
        ("sqlite:x", "", None),
        ("https://h:1", "", "https://h:1"),
        ("sqlite:x", "server = https://s:2", "https://s:2"),
    ],
)
def test_where_the_state_goes(pool, more, url):
    assert server_of(farm_of(pool, more)) == url


@pytest.mark.parametrize(
    "limits, word",
    [
        ({}, "ok"), ({"mode": "offline"}, "offline"), ({"mode": "test"}, "test"),
        ({"paused": "draining"}, "draining"), ({"unknown": "x"}, "unknown"),
        ({"back_off_s": 3.0}, "back-off"), ({"stopped": "x"}, "stopped"),
        ({"quarantine": "x"}, "quarantine"), ({"downtime_left_s": 5.0}, "downtime"),
    ],
)
def test_the_state_of_a_site_in_one_word(ran, limits, word):
    assert state_word(ran[1][0]._replace(limits=Limits(**limits))) == word


def shown(server, pilot):
    """What the server shows of a pilot."""
    return ask(server, "GET", "/v1/pilots/" + pilot, None, server.keys["reader"])[1]


def test_pilots_that_never_started_have_a_story_with_their_output(server, ran):
    farm, (factory, _) = farm_of(server.url), ran
    reporter = Reporter(farm, {"PILOT_POOL_TOKEN": server.keys["factory"]})
    reporter.report_pilots(farm, factory.book, lambda pilot, backend: [])
    (first, second, third) = sorted(pilot.pilot for pilot in factory.book.live_pilots())
    assert [shown(server, one)["state"] for one in (first, second)] == ["submitted"] * 2
    factory.system.move(first, JobState.FAILED, exit_code=127, node="n7")
    factory.system.move(second, JobState.CANCELLED)
    factory.cycle()
    reporter.report_pilots(farm, factory.book, lambda pilot, backend: [backend, "no python3"])
    ended = shown(server, first)["timeline"][-1]
    assert (ended["state"], ended["node"], ended["output"]) == (
        "failed", "n7", ["memory", "no python3"],
    )
    assert [shown(server, one)["state"] for one in (first, second, third)] == [
        "failed", "finished", "submitted",
    ]
    assert factory.book.untold_pilots(10) == []
    reporter.close()


def test_pilots_are_told_again_until_the_server_has_them(server, ran):
    farm, (factory, _) = farm_of("http://127.0.0.1:1"), ran
    away = Reporter(farm, {})
    away.report_pilots(farm, factory.book, lambda pilot, backend: [])
    away.close()
    assert len(factory.book.untold_pilots(10)) == 3
    reporter = Reporter(farm_of(server.url), {"PILOT_POOL_TOKEN": server.keys["factory"]})
    reporter.report_pilots(farm, factory.book, lambda pilot, backend: [])
    reporter.close()
    assert factory.book.untold_pilots(10) == []


def test_all_that_is_new_is_told_in_one_cycle(server, ran, monkeypatch):
    monkeypatch.setattr(reporting, "MOST_PILOTS", 1)
    farm, (factory, _) = farm_of(server.url), ran
    reporter = Reporter(farm, {"PILOT_POOL_TOKEN": server.keys["factory"]})
    reporter.report_pilots(farm, factory.book, lambda pilot, backend: [])
    reporter.close()
    assert factory.book.untold_pilots(10) == []
