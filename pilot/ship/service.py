"""Machines that run services: a systemd unit, a Kubernetes job."""

import json
from typing import Any, Dict, List

from pilot import bundle
from pilot.errors import UsageError
from pilot.ship.order import Order, Parcel, own_workdir, quoted, walltime_words

MAX_CONFIG_MAP = 1 << 20  # what a ConfigMap may hold (Kubernetes, core/v1)
IMAGE = "python:3.12-slim"
UNIT = """[Unit]
Description=Pilot: turns this machine into a worker
Wants=network-online.target
After=network-online.target

[Service]
ExecStart=/usr/bin/env python3 /opt/pilot/pilot.pyz %(words)s
DynamicUser=yes
StateDirectory=pilot
WorkingDirectory=%%S/pilot
KillMode=mixed
TimeoutStopSec=15
Restart=always
RestartSec=60
RestartPreventExitStatus=1 2
%(limits)sDelegate=yes

[Install]
WantedBy=multi-user.target
"""


def systemd(order: Order) -> Parcel:
    """A unit that keeps one pilot running as a user of its own; systemd's SIGTERM goes to the pilot alone, what is
    left after 15 s is killed. Exit codes 1 and 2 (a bug, a wrong configuration) end the restarts."""
    limits = ""
    if order.cores is not None:
        limits += "CPUQuota=%d%%\n" % (order.cores * 100)
    if order.memory_mb is not None:
        limits += "MemoryMax=%dM\n" % order.memory_mb
    words = quoted(walltime_words(order)).replace("\\", "\\\\").replace("%", "%%").replace("$", "$$")
    text = UNIT % {"words": words, "limits": limits}
    use = ("install -D -m 644 pilot.pyz /opt/pilot/pilot.pyz", "install -m 644 pilot.service /etc/systemd/system/",
           "systemctl enable --now pilot")
    return Parcel({"pilot.pyz": bundle.zip_bytes(order.files), "pilot.service": text.encode()}, use)


def kubernetes(order: Order) -> Parcel:
    """A Job and the ConfigMap that carries the pilot: no image of ours is needed, only one with Python.

    The pilot is process 1 of its pod, so SIGTERM reaches it; exit code 2 fails the job, others are tried again,
    evicted pods without being counted.
    """
    script = bundle.text_bytes(order.files).decode("ascii")
    if len(script) > MAX_CONFIG_MAP:
        raise UsageError("the pilot has %d bytes, a ConfigMap holds %d: leave extensions out" % (len(script), MAX_CONFIG_MAP))
    name = {"name": "pilot"}
    items = [{"apiVersion": "v1", "kind": "ConfigMap", "metadata": name, "data": {"pilot.py": script}},
             {"apiVersion": "batch/v1", "kind": "Job", "metadata": name, "spec": _job(order)}]
    manifest = {"apiVersion": "v1", "kind": "List", "items": items}
    use = ("kubectl create -f pilot-job.json", "# not apply: it keeps a copy in an annotation, which takes 256 kB only")
    return Parcel({"pilot-job.json": (json.dumps(manifest, indent=1) + "\n").encode()}, use)


def _job(order: Order) -> Dict[str, Any]:
    words: List[str] = list(own_workdir(order, "/work"))
    ask: Dict[str, str] = {}
    if order.cores is not None:
        ask["cpu"] = "%d" % order.cores
    if order.memory_mb is not None:
        ask["memory"] = "%dMi" % order.memory_mb
    container = {
        "name": "pilot", "image": order.image or IMAGE,
        "command": ["python3", "/pilot/pilot.py"] + [word.replace("$", "$$") for word in words],  # $(NAME) would be filled in
        "resources": {"requests": ask, "limits": ask} if ask else {}, "workingDir": "/work",
        "volumeMounts": [{"name": "pilot", "mountPath": "/pilot", "readOnly": True}, {"name": "work", "mountPath": "/work"}],
        "securityContext": {"runAsUser": 1000, "runAsNonRoot": True, "allowPrivilegeEscalation": False},
    }
    pod: Dict[str, Any] = {
        "containers": [container], "restartPolicy": "Never", "terminationGracePeriodSeconds": 30,
        "automountServiceAccountToken": False, "securityContext": {"fsGroup": 1000},
        "volumes": [{"name": "pilot", "configMap": {"name": "pilot"}}, {"name": "work", "emptyDir": {}}],
    }
    if order.walltime_s is not None:  # of each pod, from its own start: not of the job with its waiting and its retries
        pod["activeDeadlineSeconds"] = int(order.walltime_s) + 60
    codes = {"containerName": "pilot", "operator": "In", "values": [2]}
    spec: Dict[str, Any] = {
        "parallelism": order.pilots, "completions": order.pilots, "backoffLimit": 5 * order.pilots, "template": {"spec": pod},
        # an evicted pod counts for nothing; the empty list: Kubernetes before 1.29 calls it required
        "podFailurePolicy": {"rules": [{"action": "FailJob", "onExitCodes": codes, "onPodConditions": []},
                                       {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]}]},
    }
    return spec
