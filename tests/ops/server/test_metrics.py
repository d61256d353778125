"""What Prometheus reads."""

import re
import urllib.error
import urllib.request

from pilot.ops.server import metrics
from tests.conftest import ROOT
from tests.ops.server.asking import ask


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
