"""What Prometheus reads (text format 0.0.4): names begin with pilot_."""

import time
from typing import Any, Dict, List, Tuple

from pilot.ops.server.story import SILENT_S

Sample = Tuple[Dict[str, str], float]


def metrics_text(server: Any) -> str:
    """The server's counters and gauges."""
    states = sorted(server.pool.status().items())
    tasks: List[Sample] = [({"state": state}, count) for state, count in states]
    hub, house = server.hub, server.house
    refused: List[Sample] = [
        ({"status": str(status)}, count) for status, count in sorted(house.refused.items())
    ]
    pilots = "Pilots not finished that were heard of lately, by state."
    families: Tuple[Tuple[str, str, str, List[Sample]], ...] = (
        ("tasks", "gauge", "Tasks in the pool by state.", tasks),
        ("pilots", "gauge", pilots, _pilot_metrics(server)),
        ("http_requests_total", "counter", "Requests served since the start.", _one(house.requests)),
        ("http_refused_total", "counter", "Requests refused, by HTTP status.", refused),
        ("http_connections", "gauge", "Open connections.", _one(len(house.open))),
        ("http_buffered_bytes", "gauge", "Bytes of unfinished requests in memory.",
         _one(house.buffered)),
        ("pool_commits_total", "counter", "Transactions since the start.", _one(hub.commits)),
        ("pool_operations_total", "counter", "Requests within these transactions.",
         _one(hub.operations)),
        ("pool_waiting_claims", "gauge", "Claims that wait for work.", _one(hub.waiting)),
        ("events_total", "counter", "Events taken since the start.", _one(server.story.taken)),
    )
    return "".join(
        _metric_family("pilot_" + name, kind, says, samples)
        for name, kind, says, samples in families
    )


def _one(value: float) -> List[Sample]:
    return [({}, value)]


def _pilot_metrics(server: Any) -> List[Sample]:
    question = "SELECT state, count(*) FROM story.pilots WHERE state <> 'finished' AND heard > ? GROUP BY state ORDER BY state"
    rows = server.story.rows(question, (time.time() - SILENT_S,))
    return [({"state": state}, count) for state, count in rows]


def _metric_family(name: str, kind: str, says: str, samples: List[Sample]) -> str:
    lines = ["# HELP %s %s" % (name, says), "# TYPE %s %s" % (name, kind)]
    for labels, value in samples:
        told = ",".join(
            '%s="%s"' % (key, escape_label(text)) for key, text in sorted(labels.items())
        )
        lines.append("%s%s %s" % (name, "{%s}" % told if told else "", repr(value)))
    return "\n".join(lines) + "\n"


def escape_label(label: str) -> str:
    """A label's value as the text format wants it."""
    return label.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
