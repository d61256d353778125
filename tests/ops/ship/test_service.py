"""What machines that run services get."""

import json
import os
import subprocess
import sys

from pilot.ops.ship import service
from pilot.ops.ship.__main__ import main
from tests.conftest import ROOT
from tests.ops.ship.words import SLOT, WORDS


def test_the_systemd_unit_quotes_what_systemd_would_fill_in(ship):
    folder, _ = ship("systemd", *(SLOT + WORDS))
    text = (folder / "pilot.service").read_text()
    assert "$$HOME %%h" in text
    assert "MemoryMax=2048M" in text
    assert "CPUQuota=200%" in text
    assert "RestartPreventExitStatus=1 2" in text


def test_the_kubernetes_job_carries_the_pilot(ship, tmp_path):
    folder, _ = ship("kubernetes", *(SLOT + ("--count", "4") + WORDS))
    config, job = json.loads((folder / "pilot-job.json").read_text())["items"]
    container = job["spec"]["template"]["spec"]["containers"][0]
    assert container["command"][:2] == ["python3", "/pilot/pilot.py"]
    assert container["resources"]["limits"] == {"cpu": "2", "memory": "2048Mi"}
    assert job["spec"]["completions"] == 4
    assert job["spec"]["template"]["spec"]["activeDeadlineSeconds"] == 7260
    # activeDeadlineSeconds is not seen inside
    assert container["command"][container["command"].index("--max-walltime") + 1] == "7200"
    rule, evicted = job["spec"]["podFailurePolicy"]["rules"]
    assert evicted == {
        "action": "Ignore",
        "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}],
    }
    # empty, but there: before 1.29 it is required
    assert rule["onExitCodes"]["values"] == [2]
    assert rule["onPodConditions"] == []
    (tmp_path / "pilot.py").write_text(config["data"]["pilot.py"])
    assert 'it\'s "odd" $$HOME %h' in container["command"]  # as Kubernetes reads it, $$ is $
    words = [word.replace("$$", "$") for word in container["command"][2:-1]] + [str(tmp_path / "w")]
    assert (
        subprocess.run(
            [sys.executable, str(tmp_path / "pilot.py")] + words,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ).returncode
        == 0
    )


def test_what_a_config_map_cannot_hold_is_refused(ship, tmp_path, capsys):
    (tmp_path / "pilot_big").mkdir()
    (tmp_path / "pilot_big" / "__init__.py").write_text("COMMANDS = ()\n")
    # in base64 it fills the map alone
    (tmp_path / "pilot_big" / "data").write_bytes(os.urandom(service.MAX_CONFIG_MAP * 3 // 4))
    assert (
        main(["kubernetes", "-o", str(tmp_path / "x"), "--extension", str(tmp_path / "pilot_big")])
        == 2
    )
    assert "a ConfigMap holds 1048576: leave extensions out" in capsys.readouterr().err
    assert not (tmp_path / "x").exists()
    (tmp_path / "pilot_big" / "data").write_bytes(os.urandom(service.MAX_CONFIG_MAP // 4))
    folder, _ = ship("kubernetes", "--extension", str(tmp_path / "pilot_big"))
    assert (
        service.MAX_CONFIG_MAP // 2
        < len(json.loads((folder / "pilot-job.json").read_text())["items"][0]["data"]["pilot.py"])
        <= service.MAX_CONFIG_MAP
    )


def test_systemd_gets_a_token_by_a_file_of_roots(ship):
    folder, said = ship(
        "systemd",
        "--",
        "-X",
        "CheckWorkerNode",
        "--pool-token",
        "hunter22",
        "--register-token=hunter33",
        "--site",
        "S",
    )
    unit = (folder / "pilot.service").read_text()
    assert "hunter" not in unit
    assert "EnvironmentFile=/etc/pilot.env" in unit
    assert "--site S --workdir" in unit
    assert (
        folder / "pilot.env"
    ).read_text() == 'PILOT_POOL_TOKEN="hunter22"\nPILOT_REGISTER_TOKEN="hunter33"\n'
    assert "install -m 600 pilot.env /etc/" in said
    assert "install -m 644 pilot.service" in said
    folder, said = ship(
        "systemd", "--", "-X", "Install", "--install", "archive:https://u:hunter22@b/x.tar"
    )
    assert "install -m 600 pilot.service" in said


def test_a_secret_is_quoted_as_systemd_reads_it(ship):
    dirac = ("--extension", str(ROOT / "extensions" / "pilot_dirac"))
    folder, _ = ship(
        "systemd",
        *dirac,
        "--",
        "-E",
        "dirac",
        "-X",
        "CheckWorkerNode",
        "--pilotSecret",
        'a"b\\c $d`',
    )
    assert (folder / "pilot.env").read_text() == 'PILOT_PILOT_SECRET="a\\"b\\\\c \\$d\\`"\n'
    assert "pilotSecret" not in (folder / "pilot.service").read_text()


def test_a_built_in_secret_is_nothing_for_a_machine_of_many(tmp_path, capsys):
    (tmp_path / "site.json").write_text(json.dumps({"Defaults": {"pool_token": "hunter22"}}))
    assert (
        main(["systemd", "-o", str(tmp_path / "o"), "--config", str(tmp_path / "site.json")]) == 2
    )
    assert "give it behind --" in capsys.readouterr().err
    assert not (tmp_path / "o").exists()


def test_each_life_under_systemd_has_its_own_folder(ship):
    unit = (ship("systemd")[0] / "pilot.service").read_text()
    assert "--workdir 'pilot-$${INVOCATION_ID}'" in unit
    assert "-type d -name pilot-* -mtime +1" in unit
    assert "! -exec test -e {}/outputs \\; -exec rm -rf {} +" in unit


def test_a_config_map_is_created_not_applied(tmp_path, capsys):
    assert main(["kubernetes", "-o", str(tmp_path)]) == 0
    assert "kubectl create -f pilot-job.json" in capsys.readouterr().out


def test_a_brokers_password_goes_where_systemd_shows_it_to_nobody(ship):
    folder, said = ship(
        "systemd",
        "--",
        "-X",
        "CheckWorkerNode",
        "--events",
        "stomp://pilots:hunter22@broker:61613/queue/x",
    )[:2]
    assert "hunter22" not in (folder / "pilot.service").read_text()
    assert 'PILOT_EVENTS="stomp://pilots:hunter22@broker' in (folder / "pilot.env").read_text()
    assert (folder / "pilot.env").stat().st_mode & 0o077 == 0


def test_two_places_for_events_with_a_password_are_too_many_for_a_variable(tmp_path, capsys):
    words = ["--events", "stomp://u:p@b/queue/x", "--events", "stomp://u:p@c/queue/x"]
    code = main(["systemd", "-o", str(tmp_path / "o"), "--", "-X", "CheckWorkerNode"] + words)
    told = "systemd: --events with a password goes into a variable, which holds one"
    assert (code, told in capsys.readouterr().err) == (2, True)


def test_a_pod_has_the_image_that_was_asked_for(ship):
    folder, _ = ship("kubernetes", "--image", "my/python:3")
    job = json.loads((folder / "pilot-job.json").read_text())["items"][1]
    container = job["spec"]["template"]["spec"]["containers"][0]
    assert container["image"] == "my/python:3"


def test_a_pod_that_asks_for_nothing_has_the_clusters_default(ship):
    folder, _ = ship("kubernetes")
    job = json.loads((folder / "pilot-job.json").read_text())["items"][1]
    pod = job["spec"]["template"]["spec"]
    assert (pod["containers"][0]["resources"], "activeDeadlineSeconds" in pod) == ({}, False)
