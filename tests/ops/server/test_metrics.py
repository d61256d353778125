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
