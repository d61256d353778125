"""Machines that run services: a systemd unit, a Kubernetes Job."""

import json
import re
from typing import Dict, List, Tuple

from pilot.engine import onefile
from pilot.ops.bundle import make
from pilot.errors import UsageError
from pilot.base.log import passwords
from pilot.engine.settings import environment_name
from pilot.ops.ship.check import SECRET_OPTION, has_secret
from pilot.ops.ship.order import SLOT, Order, Parcel, World, own_workdir, quote_words

MAX_CONFIG_MAP = 1 << 20  # maximum size of a ConfigMap (Kubernetes, core/v1)
IMAGE = "python:3.12-slim"
UNIT = """[Unit]
Description=Pilot: turns this machine into a worker
Wants=network-online.target
After=network-online.target

[Service]
ExecStartPre=-/usr/bin/find . -mindepth 1 -maxdepth 1 -type d -name pilot-* -mtime +1 ! -exec test -e {}/outputs \\; -exec rm -rf {} +
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


def ship_systemd(order: Order) -> Parcel:
    """Write a unit that runs one pilot after another as a separate user, each in a new folder. The
    unit deletes such a folder after two days unless it contains outputs. systemd sends SIGTERM to
    the pilot only, and after 15 s kills all processes that remain. systemd does not restart the
    pilot after exit codes 1 and 2 (a bug, a configuration error). Tokens are in a file that only
    root can read, because every user can read the command line and the pilot's file. UsageError for
    a built-in secret."""
    if has_secret((), order.files.get(onefile.DEFAULTS, b"")):
        raise UsageError(
            "systemd: everybody on the machine could read the secret that is built in: give it behind --"
        )
    limits = ""
    if order.cores is not None:
        limits += "CPUQuota=%d%%\n" % (order.cores * 100)
    if order.memory_mb is not None:
        limits += "MemoryMax=%dM\n" % order.memory_mb
    plain, variables = _without_tokens(own_workdir(order, "pilot-${INVOCATION_ID}"))
    words = quote_words(plain).replace("\\", "\\\\").replace("%", "%%").replace("$", "$$")
    secret = "EnvironmentFile=/etc/pilot.env\n" if variables else ""
    text = UNIT % {"words": words, "limits": limits + secret}
    files = {"pilot.pyz": onefile.zip_bytes(order.files), "pilot.service": text.encode()}
    if variables:
        lines = [
            '%s="%s"\n' % (name, re.sub(r'([\\"$`])', r"\\\1", value))
            for name, value in variables.items()
        ]
        files["pilot.env"] = "".join(lines).encode()
    mode = 600 if has_secret(plain) else 644
    use = [
        "install -D -m 644 pilot.pyz /opt/pilot/pilot.pyz",
        "install -m %d pilot.service /etc/systemd/system/" % mode,
    ]
    use += ["install -m 600 pilot.env /etc/"] if variables else []
    return Parcel(files, tuple(use) + ("systemctl enable --now pilot",))


def _without_tokens(words: Tuple[str, ...]) -> Tuple[List[str], Dict[str, str]]:
    """Return the words without tokens and secrets, and the environment variables that contain
    those."""
    plain: List[str] = []
    variables: Dict[str, str] = {}
    left = list(words)
    while left:
        name, given, value = left[0].partition("=")
        secret = value if given else "".join(left[1:2])
        if not (SECRET_OPTION.match(name) or name == "--events" and passwords(secret)) or not secret:
            plain.append(left.pop(0))
            continue
        if name == "--events" and sum(word.partition("=")[0] == "--events" for word in words) > 1:
            raise UsageError(
                "systemd: --events with a password goes into a variable, which holds one: give it alone"
            )
        snake = re.sub(r"([a-z])([A-Z])", r"\1_\2", name.lstrip("-")).replace("-", "_").lower()
        variables[environment_name(snake)] = secret
        del left[: 1 if given else 2]
    return plain, variables


def ship_kubernetes(order: Order) -> Parcel:
    """Write a Job and the ConfigMap that contains the pilot. The Job can use any image with Python.

    The pilot is process 1 of its pod, so it receives SIGTERM. Exit code 2 fails the Job. After
    other nonzero codes Kubernetes retries. Evicted pods do not count as retries.
    """
    script = make.text_bytes(order.files).decode("ascii")
    if len(script) > MAX_CONFIG_MAP:
        raise UsageError(
            "the pilot has %d bytes, a ConfigMap holds %d: leave extensions out"
            % (len(script), MAX_CONFIG_MAP)
        )
    name = {"name": "pilot"}
    items = [
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": name, "data": {"pilot.py": script}},
        {"apiVersion": "batch/v1", "kind": "Job", "metadata": name, "spec": _kubernetes_job(order)},
    ]
    manifest = {"apiVersion": "v1", "kind": "List", "items": items}
    use = (
        "kubectl create -f pilot-job.json",
        "# not apply: it keeps a copy in an annotation, which takes 256 kB only",
    )
    return Parcel({"pilot-job.json": (json.dumps(manifest, indent=1) + "\n").encode()}, use)


def _kubernetes_job(order: Order) -> Dict[str, object]:
    words: List[str] = list(own_workdir(order, "/work"))
    ask: Dict[str, str] = {}
    if order.cores is not None:
        ask["cpu"] = "%d" % order.cores
    if order.memory_mb is not None:
        ask["memory"] = "%dMi" % order.memory_mb
    container: Dict[str, object] = {
        "name": "pilot",
        "image": order.image or IMAGE,
        # Kubernetes would expand $(NAME)
        "command": ["python3", "/pilot/pilot.py"] + [word.replace("$", "$$") for word in words],
        "resources": {"requests": ask, "limits": ask} if ask else {},
        "workingDir": "/work",
        "volumeMounts": [
            {"name": "pilot", "mountPath": "/pilot", "readOnly": True},
            {"name": "work", "mountPath": "/work"},
        ],
        "securityContext": {
            "runAsUser": 1000,
            "runAsNonRoot": True,
            "allowPrivilegeEscalation": False,
        },
    }
    return _kubernetes_spec(order, container)


def _kubernetes_spec(order: Order, container: Dict[str, object]) -> Dict[str, object]:
    pod: Dict[str, object] = {
        "containers": [container],
        "restartPolicy": "Never",
        "terminationGracePeriodSeconds": 30,
        "automountServiceAccountToken": False,
        "securityContext": {"fsGroup": 1000},
        "volumes": [
            {"name": "pilot", "configMap": {"name": "pilot"}},
            {"name": "work", "emptyDir": {}},
        ],
    }
    # The limit is for each pod, from the start of the pod. A limit for the Job would include its
    # waiting time and its retries.
    if order.walltime_s is not None:
        pod["activeDeadlineSeconds"] = int(order.walltime_s) + 60
    codes = {"containerName": "pilot", "operator": "In", "values": [2]}
    spec: Dict[str, object] = {
        "parallelism": order.pilots,
        "completions": order.pilots,
        "backoffLimit": 5 * order.pilots,
        "template": {"spec": pod},
        # An evicted pod does not count as a failure. The empty list is required before Kubernetes
        # 1.29.
        "podFailurePolicy": {
            "rules": [
                {"action": "FailJob", "onExitCodes": codes, "onPodConditions": []},
                {
                    "action": "Ignore",
                    "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}],
                },
            ]
        },
    }
    return spec


WORLDS = (
    World("systemd", ship_systemd, SLOT),
    World("kubernetes", ship_kubernetes, SLOT | {"count", "image"}),
)
