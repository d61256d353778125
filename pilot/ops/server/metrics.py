"""What Prometheus reads (text format 0.0.4): names begin with pilot_."""

import time
from typing import Any, Dict, List, Tuple

from pilot.ops.server.story import SILENT_S

Sample = Tuple[Dict[str, str], float]


def metrics_text(server: Any) -> str:
    """The server's counters and gauges."""
    tasks: List[Sample] = [({"state": state}, count) for state, count in sorted(server.pool.status().items())]
    hub, house = server.hub, server.house
    parts = [
        _metric_family("pilot_tasks", "gauge", "Tasks in the pool by state.", tasks),
        _metric_family("pilot_pilots", "gauge", "Pilots not finished that were heard of lately, by state.", _pilot_metrics(server)),
        _metric_family("pilot_http_requests_total", "counter", "Requests served since the start.", [({}, house.requests)]),
        _metric_family(
            "pilot_http_refused_total",
            "counter",
            "Requests refused, by HTTP status.",
            [({"status": str(status)}, count) for status, count in sorted(house.refused.items())],
        ),
        _metric_family("pilot_http_connections", "gauge", "Open connections.", [({}, len(house.open))]),
        _metric_family("pilot_http_buffered_bytes", "gauge", "Bytes of unfinished requests in memory.", [({}, house.buffered)]),
        _metric_family("pilot_pool_commits_total", "counter", "Transactions since the start.", [({}, hub.commits)]),
        _metric_family("pilot_pool_operations_total", "counter", "Requests within these transactions.", [({}, hub.operations)]),
        _metric_family("pilot_pool_waiting_claims", "gauge", "Claims that wait for work.", [({}, hub.waiting)]),
        _metric_family("pilot_events_total", "counter", "Events taken since the start.", [({}, server.story.taken)]),
    ]
    return "".join(parts)


def _pilot_metrics(server: Any) -> List[Sample]:
    question = "SELECT state, count(*) FROM story.pilots WHERE state <> 'finished' AND heard > ? GROUP BY state ORDER BY state"
    rows = server.story.rows(question, (time.time() - SILENT_S,))
    return [({"state": state}, count) for state, count in rows]


def _metric_family(name: str, kind: str, says: str, samples: List[Sample]) -> str:
    lines = ["# HELP %s %s" % (name, says), "# TYPE %s %s" % (name, kind)]
    for labels, value in samples:
        told = ",".join('%s="%s"' % (key, escape_label(text)) for key, text in sorted(labels.items()))
        lines.append("%s%s %s" % (name, "{%s}" % told if told else "", repr(value)))
    return "\n".join(lines) + "\n"


def escape_label(label: str) -> str:
    """A label's value as the text format wants it."""
    return label.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
