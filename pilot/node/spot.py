"""A spot machine's notice that it ends soon: EC2's instance metadata (IMDSv2), which tells two minutes before.

The token is got by PUT; `spot/instance-action` is 404 until there is a notice, then
{"action": "terminate", "time": "2026-11-20T12:00:00Z"} (AWS, EC2 user guide, spot instance interruption notices).
"""

import calendar
import json
import time
from typing import Dict, Optional

from pilot.errors import StepFailed

PLACE = "http://169.254.169.254"
TOKEN, ACTION = "/latest/api/token", "/latest/meta-data/spot/instance-action"
EVERY_S = 5.0
TIMEOUT_S = 2.0
KEEP_S = "21600"
NOT_THERE = 404


def ends(place: str = PLACE) -> Optional[Dict[str, float]]:
    """When this machine ends, in seconds since the epoch, by the source that says so; nothing without a notice, None when
    the metadata service does not answer."""
    from pilot import fetch  # only on spot machines

    try:
        token = fetch.get(place + TOKEN, TIMEOUT_S, 1, {"X-aws-ec2-metadata-token-ttl-seconds": KEEP_S}, data=b"", method="PUT")
    except StepFailed:
        return None
    try:
        text = fetch.get(place + ACTION, TIMEOUT_S, 1, {"X-aws-ec2-metadata-token": token.decode("ascii", "replace").strip()})
    except StepFailed as error:
        return {} if getattr(error, "status", None) == NOT_THERE else None
    moment = when(text.decode("utf-8", "replace"))
    return {} if moment is None else {"the spot machine's notice": moment}


def when(text: str) -> Optional[float]:
    """The moment of a notice; None when it has none."""
    try:
        return float(calendar.timegm(time.strptime(json.loads(text)["time"], "%Y-%m-%dT%H:%M:%SZ")))
    except (ValueError, KeyError, TypeError):
        return None
