"""The notice that a spot machine ends soon, from the metadata service of its cloud.

EC2 (user guide, spot instance interruption notices): with a token (IMDSv2), `spot/instance-action`
returns 404 until there is a notice, then {"action": "terminate", "time": "2026-11-20T12:00:00Z"},
two minutes before the end. Google Compute Engine (documentation, preemption process):
`instance/preempted` returns TRUE when the machine has 30 seconds left; it does not return the end
time. Azure (Scheduled Events, 2020-07-01): a list of future events of all machines of a set, with
Resources, EventType and NotBefore, which is empty after the event has started; a spot machine has
at least 30 seconds.
"""

import calendar
import json
import time
from email.utils import parsedate_tz
from functools import partial
from typing import Any, Callable, Dict, List, Optional

from pilot.errors import StepFailed

Ends = Optional[Dict[str, float]]
PLACE = "http://169.254.169.254"
EVERY_S = 5.0
TIMEOUT_S = 2.0
SOURCE = "the spot machine's notice"
NOT_THERE = 404
EC2_TOKEN, EC2_ACTION, EC2_KEEP_S = (
    "/latest/api/token",
    "/latest/meta-data/spot/instance-action",
    "21600",
)
GCE_PREEMPTED, GCE_LEFT_S = "/computeMetadata/v1/instance/preempted", 30.0
AZURE_EVENTS = "/metadata/scheduledevents?api-version=2020-07-01"
AZURE_NAME = "/metadata/instance/compute/name?api-version=2021-02-01&format=text"
AZURE_ENDS = ("Preempt", "Terminate", "Redeploy", "Reboot")


def reader(cloud: str, place: str = PLACE) -> Callable[[], Ends]:
    """A function that asks this cloud for the end of the machine. It returns seconds since the
    epoch by source; an empty dict without a notice, None if the metadata service does not
    answer."""
    if cloud == "gce":
        return _Gce(place)
    return partial({"ec2": _ec2, "azure": _azure}[cloud], place)


def _get(
    url: str,
    headers: Dict[str, str],
    data: Optional[bytes] = None,
    method: Optional[str] = None,
) -> str:
    from pilot.base import fetch  # on demand: only on spot machines

    return fetch.get(url, TIMEOUT_S, 1, headers, data=data, method=method).decode("utf-8", "replace").strip()


def _ec2(place: str) -> Ends:
    try:
        token = _get(
            place + EC2_TOKEN,
            {"X-aws-ec2-metadata-token-ttl-seconds": EC2_KEEP_S},
            data=b"",
            method="PUT",
        )
    except StepFailed:
        return None
    try:
        notice = json.loads(_get(place + EC2_ACTION, {"X-aws-ec2-metadata-token": token}))
        return {SOURCE: float(calendar.timegm(time.strptime(notice["time"], "%Y-%m-%dT%H:%M:%SZ")))}
    except StepFailed as error:
        return {} if getattr(error, "status", None) == NOT_THERE else None
    except (ValueError, KeyError, TypeError):
        return {}


class _Gce:
    """Estimates the end: GCE_LEFT_S after the last request that returned no notice, but that
    request counts as at most EVERY_S + TIMEOUT_S old."""

    def __init__(self, place: str) -> None:
        self._place, self._free = place, 0.0
        self._end: Optional[float] = None

    def __call__(self) -> Ends:
        if self._end is None:
            try:
                asked = time.time()
                if _get(self._place + GCE_PREEMPTED, {"Metadata-Flavor": "Google"}) != "TRUE":
                    self._free = asked
                    return {}
            except StepFailed:
                return None
            self._end = max(self._free, time.time() - EVERY_S - TIMEOUT_S) + GCE_LEFT_S
        return {SOURCE: self._end}


def _azure(place: str) -> Ends:
    try:
        events = json.loads(_get(place + AZURE_EVENTS, {"Metadata": "true"}))["Events"]
        moments = (
            _azure_moments(events, lambda: _get(place + AZURE_NAME, {"Metadata": "true"}))
            if events
            else []
        )
    except (StepFailed, ValueError, KeyError, TypeError, AttributeError):
        return None
    return {SOURCE: min(moments)} if moments else {}


def _azure_moments(events: List[Dict[str, Any]], own_name: Callable[[], str]) -> List[float]:
    name, moments = own_name(), []
    for event in events:
        if event["EventType"] in AZURE_ENDS and name in event["Resources"]:
            parsed = parsedate_tz(event["NotBefore"])
            moments.append(
                time.time()
                if parsed is None
                else float(calendar.timegm(parsed[:9]) - (parsed[9] or 0))
            )
    return moments
