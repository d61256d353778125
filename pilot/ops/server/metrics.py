"""Metrics for Prometheus (text format 0.0.4). All names begin with pilot_."""

from typing import Dict, List, Tuple

from pilot.ops.server.services import Services

Sample = Tuple[Dict[str, str], float]


def metrics_text(services: Services) -> str:
    """Return the server's counters and gauges."""
    states = sorted(services.pool.status().items())
    tasks: List[Sample] = [({"state": state}, count) for state, count in states]
    commits, connections = services.commit_queue, services.connections
    refused: List[Sample] = [
        ({"status": str(status)}, count) for status, count in sorted(connections.refusals.by_status.items())
    ]
    pilots = "Pilots that have not finished and reported recently, by state."
    farmed, demand, decisions, quarantined = _factory_metrics(services)
    families: Tuple[Tuple[str, str, str, List[Sample]], ...] = (
        ("tasks", "gauge", "Tasks in the pool by state.", tasks),
        ("pilots", "gauge", pilots, _pilot_metrics(services)),
        ("http_requests_total", "counter", "Requests served since the start.", _one(connections.requests)),
        ("http_refused_total", "counter", "Requests refused, by HTTP status.", refused),
        ("http_connections", "gauge", "Open connections.", _one(len(connections.open))),
        ("http_buffered_bytes", "gauge", "Bytes of unfinished requests in memory.",
         _one(connections.budget.total)),
        ("pool_commits_total", "counter", "Transactions since the start.", _one(commits.commits)),
        ("pool_operations_total", "counter", "Requests within these transactions.",
         _one(commits.operations)),
        ("pool_waiting_claims", "gauge", "Claims that wait for work.", _one(commits.count_waiting())),
        ("factory_pilots", "gauge", "Pilots of the factories by site and state.", farmed),
        ("factory_demand", "gauge", "Pilots that the tasks of a site would use.", demand),
        ("factory_decisions_total", "counter", "Decisions of the factories by site and result.",
         decisions),
        ("factory_quarantined", "gauge", "Whether a site is in quarantine.", quarantined),
        ("events_total", "counter", "Events received since the start.", _one(services.story.taken)),
    )
    return "".join(
        _metric_family("pilot_" + name, kind, says, samples)
        for name, kind, says, samples in families
    )


def _one(value: float) -> List[Sample]:
    return [({}, value)]


def _pilot_metrics(services: Services) -> List[Sample]:
    states = services.story.count_unfinished()
    return [({"state": state}, count) for state, count in sorted(states.items())]


def _factory_metrics(services: Services) -> Tuple[List[Sample], ...]:
    """Pilots, demand, decisions, and sites in quarantine, as the factories report them."""
    pilots: List[Sample] = []
    demand: List[Sample] = []
    decisions: List[Sample] = []
    quarantined: List[Sample] = []
    for factory, body in services.story.list_factories():
        sites = body.get("sites")
        for site in sites if isinstance(sites, list) else ():
            if not isinstance(site, dict):
                continue
            labels = {"factory": factory, "site": str(site.get("site"))[:100]}
            for state in ("pending", "running", "held"):
                pilots.append((dict(labels, state=state), _number(site.get(state))))
            if site.get("demand") is not None:
                demand.append((labels, _number(site.get("demand"))))
            counts = site.get("decisions")
            if isinstance(counts, dict):
                decisions += [(dict(labels, result=result), _number(counts.get(result)))
                              for result in ("submit", "wait")]
            quarantined.append((labels, float(site.get("state") == "quarantine")))
    return pilots, demand, decisions, quarantined


def _number(value: object) -> float:
    return value if isinstance(value, (int, float)) else 0


def _metric_family(name: str, kind: str, says: str, samples: List[Sample]) -> str:
    lines = ["# HELP %s %s" % (name, says), "# TYPE %s %s" % (name, kind)]
    for labels, value in samples:
        pairs = ",".join(
            '%s="%s"' % (key, escape_label(text)) for key, text in sorted(labels.items())
        )
        lines.append("%s%s %s" % (name, "{%s}" % pairs if pairs else "", repr(value)))
    return "\n".join(lines) + "\n"


def escape_label(label: str) -> str:
    """Escape the value of a label for the text format."""
    return label.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
