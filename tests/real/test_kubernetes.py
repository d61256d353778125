"""The job for Kubernetes: against Kubernetes' own schemas, and its pod run by podman, the pilot
being process 1. There is no cluster."""

import json
import subprocess

import pytest

from pilot.pool import open_pool
from tests.conftest import ROOT, until
from tests.real.conftest import PYTHON, SYSTEMS, build, need, script

IMAGE = "localhost/python:pilot"
# an agent that leaves orphans to process 1, and waits until none of them is a zombie
ORPHANS = "timeout 20 sh -c 'sh -c \"true &\"; sh -c \"true &\"; while grep -s ^State:.Z /proc/[0-9]*/status; do sleep 0.05; done'"


def shipped(
    folder, *words, slot=("--cores", "1", "--memory", "512", "--walltime", "10m", "--image", IMAGE)
):
    """The ConfigMap and the Job."""
    subprocess.check_call(
        [PYTHON, "-m", "pilot.ship", "kubernetes", "-o", str(folder)]
        + list(slot)
        + ["--"]
        + list(words),
        cwd=str(ROOT),
        stdout=subprocess.DEVNULL,
    )
    return json.loads((folder / "pilot-job.json").read_text())["items"]


@pytest.mark.parametrize("minor", range(25, 38))
def test_every_kubernetes_that_has_what_we_use_takes_it(tmp_path, minor):
    validate = pytest.importorskip(
        "kubernetes_validate", reason="Kubernetes' schemas: pip install kubernetes-validate"
    ).validate
    for number, slot in enumerate(
        [(), ("--cores", "8", "--memory", "16G", "--walltime", "48h", "--count", "50")]
    ):
        for item in shipped(tmp_path / str(number), "-X", "CheckWorkerNode", slot=slot):
            validate(item, "1.%d" % minor, strict=True)


class Pod:
    """The job's pod and its ConfigMap, played by podman in the host's network."""

    def __init__(self, base, folder):
        self._base, self._folder = base, folder

    def podman(self, *words):
        return script("podman.sh", self._base, *words)

    def play(self, *words):
        config, job = shipped(self._folder, *words)
        pod = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "pilot"},
            "spec": job["spec"]["template"]["spec"],
        }
        path = self._folder / "pod.yaml"  # JSON is YAML
        path.write_text("%s\n---\n%s\n" % (json.dumps(config), json.dumps(pod)))
        self.podman("play", "kube", "--network", "host", path)

    def ended(self):
        """The pilot's exit code and all it said."""
        code = int(self.podman("wait", "pilot-pilot").split()[-1])
        return code, self.podman("logs", "pilot-pilot")


@pytest.fixture(scope="module")
def podman(base):
    need("podman", "crun", "mmdebstrap", "unshare")
    build("podman.sh", base / "podman", "image", IMAGE)
    # whether a container can run here at all
    build("podman.sh", base / "podman", "run", "--rm", "--network", "host", IMAGE, "true")
    return base / "podman"


@pytest.fixture
def pod(podman, tmp_path):
    yield Pod(podman, tmp_path)
    subprocess.call(
        [str(SYSTEMS / "podman.sh"), str(podman), "pod", "rm", "-f", "-t", "0", "pilot"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def state_of(server, task):
    with open_pool(server.url) as pool:
        return pool.show(task)


def test_the_pod_knows_its_slot_and_works(pod, server):
    with open_pool(server.url) as pool:
        pool.add(
            [
                {
                    "id": "who",
                    "script": "test $(id -u) = 1000 && test $PILOT_TASK_CORES = 1 && ! touch /pilot/x",
                    "max_attempts": 1,
                }
            ]
        )
    pod.play("-X", "CheckWorkerNode,LaunchAgent", "--pool", server.url, "--min-disk-mb", "100")
    code, out = pod.ended()
    assert code == 0, out
    assert "1 cores" in out
    assert "512 MB memory" in out
    assert "local in podman" in out
    assert state_of(server, "who")["state"] == "done", out


def test_no_zombie_stays_in_the_pod(pod):
    pod.play("-X", "CheckWorkerNode,LaunchAgent", "--min-disk-mb", "100", "--execute", ORPHANS)
    code, out = pod.ended()
    assert code == 0, out


def test_a_pod_that_is_ended_gives_its_task_back(pod, server):
    with open_pool(server.url) as pool:
        pool.add([{"id": "long", "script": "exec sleep 300"}])
    pod.play("-X", "CheckWorkerNode,LaunchAgent", "--pool", server.url, "--min-disk-mb", "100")
    until(lambda: state_of(server, "long")["state"] == "locked", 30)
    pod.podman("pod", "stop", "-t", "30", "pilot")
    code, out = pod.ended()
    assert code == 143, out  # not 137: it ended by itself
    assert state_of(server, "long")["state"] == "todo"


def test_the_code_that_fails_the_job_comes_out(pod):
    pod.play("-X", "CheckWorkerNode", "--min-disk-mb", "lots")
    code, out = pod.ended()
    assert code == 2 and "is not a size in MB" in out
