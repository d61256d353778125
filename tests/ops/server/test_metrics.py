"""What Prometheus reads."""

import re
import urllib.error
import urllib.request

from pilot.ops.server import metrics
from pilot.pool import open_pool
from tests.conftest import ROOT
from tests.ops.server.asking import ask
from tests.pool.asking import add, claim
from tests.pool.stories import story


def test_health_and_metrics(within):
    assert ask(within, "GET", "/healthz") == (200, {"status": "ok"})
    text = urllib.request.urlopen(within.url + "/metrics", timeout=10).read().decode()
    names = {line.split(" ")[2] for line in text.splitlines() if line.startswith("# TYPE")}
    assert 'pilot_tasks{state="todo"} 0' in text
    told = re.findall(
        r"`(pilot_\w+)",
        (ROOT / "docs" / "server.md").read_text().split("`GET /metrics`")[1].split("##")[0],
    )
    assert names | {"pilot_pilots"} == set(told)  # which is there when a pilot has told something


def test_labels_are_escaped_for_prometheus():
    assert metrics.escape_label('a"b\\c\nd') == 'a\\"b\\\\c\\nd'


def read(server):
    with urllib.request.urlopen(server.url + "/metrics", timeout=10) as reply:
        return reply.headers["Content-Type"], reply.read().decode().splitlines()


def test_the_text_has_the_type_that_prometheus_asks_for(within):
    assert read(within)[0] == "text/plain; version=0.0.4; charset=utf-8"


def test_tasks_are_counted_by_state(within):
    with open_pool(within.url) as pool:
        add(pool, "a", "b")
        claim(pool)
    lines = read(within)[1]
    assert {'pilot_tasks{state="todo"} 1', 'pilot_tasks{state="locked"} 1'} <= set(lines)


def test_refusals_are_counted_by_status(within):
    for _ in range(2):
        ask(within, "GET", "/v1/nothing")
    assert 'pilot_http_refused_total{status="404"} 2' in read(within)[1]


def test_pilots_that_have_not_ended_are_counted_by_state(within):
    ask(within, "POST", "/v1/events", {"events": story(6)})
    assert 'pilot_pilots{state="running"} 1' in read(within)[1]


def test_events_are_counted(within):
    ask(within, "POST", "/v1/events", {"events": story(1)})
    assert "pilot_events_total %d" % len(story(1)) in read(within)[1]


def test_what_a_factory_reports_is_measured(within):
    sites = [
        {"site": "main", "state": "quarantine", "demand": 7, "pending": 2, "running": 3, "held": 1,
         "decisions": {"submit": 4, "wait": "odd"}},
        {"site": "blind", "state": "unknown", "demand": None, "pending": 0, "running": "odd"},
        "nonsense",
    ]
    event = {"pilot": "f", "seq": 1, "event": "factory state", "state": "running", "sites": sites}
    assert ask(within, "POST", "/v1/events", {"events": [event]})[0] == 200
    assert set(read(within)[1]) >= {
        'pilot_factory_pilots{factory="f",site="main",state="running"} 3',
        'pilot_factory_pilots{factory="f",site="main",state="pending"} 2',
        'pilot_factory_pilots{factory="f",site="main",state="held"} 1',
        'pilot_factory_demand{factory="f",site="main"} 7',
        'pilot_factory_decisions_total{factory="f",result="submit",site="main"} 4',
        'pilot_factory_decisions_total{factory="f",result="wait",site="main"} 0',
        'pilot_factory_quarantined{factory="f",site="main"} 1.0',
        'pilot_factory_pilots{factory="f",site="blind",state="running"} 0',
        'pilot_factory_quarantined{factory="f",site="blind"} 0.0',
    }
    assert not any('demand{factory="f",site="blind"}' in line for line in read(within)[1])
