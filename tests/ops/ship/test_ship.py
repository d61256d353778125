import json
import os
import re
import subprocess
import sys

import pytest

from pilot.ops.ship import service
from pilot.ops.ship.__main__ import WORLDS, main
from pilot.ops.ship.order import Order, format_clock, walltime_words
from tests.conftest import ROOT

SLOT = ("--cores", "2", "--memory", "2G", "--walltime", "2h")
WORDS = ("--", "-X", "CheckWorkerNode", "--site", "it's \"odd\" $HOME %h")


@pytest.fixture
def ship(tmp_path, capsys):
    """Ships to a world; the folder and what was said."""
    def run(world, *words):
        assert main([world, "-o", str(tmp_path / world)] + list(words)) == 0
        return tmp_path / world, capsys.readouterr().out

    return run


def header(path, mark):
    lines = path.read_text().splitlines()
    assert lines[0] == "#!/usr/bin/env python3"
    return [line for line in lines[:20] if line.startswith(mark)]


def test_slurms_script_asks_for_the_slot_and_a_warning(ship):
    folder, said = ship("slurm", *(SLOT + ("--queue", "long", "--count", "3") + WORDS))
    found = header(folder / "pilot-job.py", "#SBATCH")
    assert {
        "#SBATCH --cpus-per-task=2",
        "#SBATCH --mem=2048M",
        "#SBATCH --time=2:00:00",
        "#SBATCH --signal=B:USR1@120",
        "#SBATCH --partition=long",
        "#SBATCH --array=0-2",
    } <= set(found)
    assert "sbatch pilot-job.py" in said


def test_grid_engines_script_too(ship):
    folder, _ = ship("gridengine", *SLOT)
    assert {"#$ -notify", "#$ -pe smp 2", "#$ -l h_vmem=1024M", "#$ -l h_rt=7200"} <= set(
        header(folder / "pilot-job.py", "#$")
    )


def test_a_slot_that_is_not_asked_for_is_left_to_the_system(ship):
    folder, _ = ship("slurm")
    assert not any(
        word in line
        for line in header(folder / "pilot-job.py", "#SBATCH")
        for word in ("--mem", "--time", "--cpus", "--array", "--signal")
    )


@pytest.mark.parametrize("world", ["slurm", "gridengine", "arc"])
def test_a_script_alone_is_a_whole_pilot_with_its_words(ship, tmp_path, world):
    folder, _ = ship(world, *(SLOT + WORDS))
    alone = tmp_path / "spool"
    alone.mkdir()
    (folder / "pilot-job.py").rename(alone / "slurm_script")
    more = [] if world != "arc" else list(WORDS[1:]) + ["--max-walltime", "7200"]
    tools = subprocess.run(
        [sys.executable, str(alone / "slurm_script"), "-m", "pilot.pool"], stderr=subprocess.PIPE
    )
    # -m is heard without those words, and a job carries no operators' tools
    assert b"this file has no pilot.pool" in tools.stderr
    done = subprocess.run(
        [sys.executable, str(alone / "slurm_script")] + more,
        cwd=str(tmp_path),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=dict(os.environ, SLURM_JOB_ID="7", JOB_ID="7", SGE_TASK_ID="1", PATH="/usr/bin:/bin"),
    )
    assert done.returncode == 0, done.stderr
    place = {"slurm": "pilot-7", "gridengine": "pilot-7", "arc": "."}[world]
    settings = json.loads((tmp_path / place / "pilot-report.json").read_text())["settings"]
    assert settings["site"]["value"] == WORDS[-1] and settings["max_walltime"]["value"] == 7200
    assert [path.name for path in alone.iterdir()] == ["slurm_script"]


@pytest.mark.parametrize(
    "world, name",
    [
        ("slurm", "pilot-job.py"),
        ("gridengine", "pilot-job.py"),
        ("arc", "pilot-job.py"),
        ("htcondor", "pilot.pyz"),
    ],
)
def test_nothing_is_written_beside_a_script_that_runs_tasks(ship, tmp_path, world, name):
    """A batch system's spool, or a project's folder that all slots of a machine share."""
    (tmp_path / "tasks.jsonl").write_text('{"id": "a", "command": ["true"]}\n')
    words = (
        "-X",
        "CheckWorkerNode,Install,Configure,LaunchAgent",
        "--tasks",
        str(tmp_path / "tasks.jsonl"),
    )
    folder, _ = ship(world, "--", *words)
    spool = tmp_path / "spool"
    spool.mkdir()
    data = (folder / name).read_bytes()
    (folder / name).rename(spool / name)
    (tmp_path / "cwd").mkdir()
    done = subprocess.run(
        [sys.executable, os.path.join("..", "spool", name)]
        + list(words if world in ("arc", "htcondor") else ()),
        cwd=str(tmp_path / "cwd"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={"PATH": "/usr/bin:/bin", "SLURM_JOB_ID": "7", "JOB_ID": "7", "SGE_TASK_ID": "1"},
    )
    assert done.returncode == 0, done.stderr
    report = next((tmp_path / "cwd").glob("**/pilot-report.json"))
    assert json.loads(report.read_text())["tasks"]["done"] == 1
    assert [path.name for path in spool.iterdir()] == [name] and (spool / name).read_bytes() == data


def test_condors_submit_file_acts_upon_the_exit_code(ship):
    folder, _ = ship("htcondor", *(SLOT + WORDS))
    text = (folder / "pilot.sub").read_text()
    assert (
        "request_cpus = 2" in text
        and "request_memory = 2048M" in text
        and "allowed_execute_duration = 7200" in text
    )
    assert (
        "'it''s \"\"odd\"\" $HOME %h'" in text
        and "on_exit_hold = (ExitBySignal == False) && (ExitCode == 2)" in text
    )
    assert (
        os.access(str(folder / "pilot.pyz"), os.X_OK)
        and not os.access(str(folder / "pilot.sub"), os.X_OK)
        or os.geteuid() == 0
    )
    assert (folder / "pilot.sub").stat().st_mode & 0o777 == 0o644
    assert "on_exit_remove = (NumJobStarts >= 5) || " in text


def test_the_systemd_unit_quotes_what_systemd_would_fill_in(ship):
    folder, _ = ship("systemd", *(SLOT + WORDS))
    text = (folder / "pilot.service").read_text()
    assert (
        "$$HOME %%h" in text
        and "MemoryMax=2048M" in text
        and "CPUQuota=200%" in text
        and "RestartPreventExitStatus=1 2" in text
    )


def test_the_kubernetes_job_carries_the_pilot(ship, tmp_path):
    folder, _ = ship("kubernetes", *(SLOT + ("--count", "4") + WORDS))
    config, job = json.loads((folder / "pilot-job.json").read_text())["items"]
    container = job["spec"]["template"]["spec"]["containers"][0]
    assert container["command"][:2] == ["python3", "/pilot/pilot.py"] and container["resources"][
        "limits"
    ] == {"cpu": "2", "memory": "2048Mi"}
    assert (
        job["spec"]["completions"] == 4
        and job["spec"]["template"]["spec"]["activeDeadlineSeconds"] == 7260
    )
    # activeDeadlineSeconds is not seen inside
    assert container["command"][container["command"].index("--max-walltime") + 1] == "7200"
    rule, evicted = job["spec"]["podFailurePolicy"]["rules"]
    assert evicted == {
        "action": "Ignore",
        "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}],
    }
    # empty, but there: before 1.29 it is required
    assert rule["onExitCodes"]["values"] == [2] and rule["onPodConditions"] == []
    (tmp_path / "pilot.py").write_text(config["data"]["pilot.py"])
    assert "it's \"odd\" $$HOME %h" in container["command"]  # as Kubernetes reads it, $$ is $
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
    assert (
        "a ConfigMap holds 1048576: leave extensions out" in capsys.readouterr().err
        and not (tmp_path / "x").exists()
    )
    (tmp_path / "pilot_big" / "data").write_bytes(os.urandom(service.MAX_CONFIG_MAP // 4))
    folder, _ = ship("kubernetes", "--extension", str(tmp_path / "pilot_big"))
    assert (
        service.MAX_CONFIG_MAP // 2
        < len(json.loads((folder / "pilot-job.json").read_text())["items"][0]["data"]["pilot.py"])
        <= service.MAX_CONFIG_MAP
    )


def test_a_given_pilot_with_a_config_and_an_extension(ship, tmp_path):
    (tmp_path / "site.json").write_text(
        json.dumps({"Defaults": {"extensions": ["example"], "site": "S"}})
    )
    subprocess.check_call(
        [sys.executable, "-m", "pilot.bundle", "-o", str(tmp_path / "p.pyz")],
        cwd=str(ROOT),
        stdout=subprocess.DEVNULL,
    )
    folder, _ = ship(
        "htcondor",
        "--pilot",
        str(tmp_path / "p.pyz"),
        "--config",
        str(tmp_path / "site.json"),
        "--extension",
        str(ROOT / "extensions" / "pilot_example"),
    )
    done = subprocess.run(
        [sys.executable, str(folder / "pilot.pyz"), "-X", "CheckWorkerNode,SayHello"],
        cwd=str(tmp_path),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "pilot-report.json").read_text())["settings"]["site"] == {
        "value": "S",
        "source": "built-in defaults: Defaults",
    }


@pytest.mark.parametrize(
    "words, told",
    [
        (["moon", "-o", "x"], "invalid choice"),
        (["slurm"], "required"),
        (["slurm", "-o", "x", "--memory", "lots"], "is not a size"),
        (["slurm", "-o", "/dev/null/x"], "cannot be made"),
        (["slurm", "-o", "x", "--pilot", "/etc/hostname"], "is no zip form"),
        (["slurm", "-o", "x", "--pilot", "/no/file"], "cannot be read"),
        (["slurm", "-o", "x", "--count", "0"], "--count must be 1"),
        (["slurm", "-o", "x", "--config", "/no/file"], "cannot be read"),
        (["slurm", "-o", "x", "--queue", "Z\u00fcrich"], "plain ASCII"),
        (["slurm", "-o", "x", "--", "--site", "a\nb"], "control characters"),
    ],
)
def test_mistakes_are_a_sentence_and_exit_code_2(tmp_path, monkeypatch, capsys, words, told):
    monkeypatch.chdir(tmp_path)
    assert main(words) == 2
    assert told in capsys.readouterr().err


def test_every_world_makes_something_and_says_how_to_use_it(ship):
    for world in WORLDS:
        folder, said = ship(world)
        assert list(folder.iterdir()) and "Use it:" in said


@pytest.mark.parametrize(
    "seconds, text", [(60, "0:01:00"), (61, "0:02:00"), (7200, "2:00:00"), (360000, "100:00:00")]
)
def test_times_are_rounded_up(seconds, text):
    assert format_clock(seconds) == text


def test_a_walltime_that_is_said_is_not_said_again():
    assert walltime_words(Order({}, ("--max-walltime=5",), walltime_s=10)) == ("--max-walltime=5",)
    assert walltime_words(Order({}, ("-X", "A"), walltime_s=10)) == (
        "-X",
        "A",
        "--max-walltime",
        "10",
    )


@pytest.mark.parametrize(
    "words, told",
    [
        (
            ["--", "-X", "CheckWorkrNode"],
            "behind --: unknown command 'CheckWorkrNode' (did you mean CheckWorkerNode",
        ),
        (["--", "--pol", "x"], "behind --: unknown option --pol"),
        (["--cores", "0"], "--cores must be 1 or more"),
    ],
)
def test_what_no_pilot_will_understand_is_refused_before_it_travels(tmp_path, capsys, words, told):
    assert main(["slurm", "-o", str(tmp_path / "x")] + words) == 2
    assert told in capsys.readouterr().err and not (tmp_path / "x").exists()


@pytest.mark.parametrize(
    "words",
    [
        ("--pool-token", "hunter22"),
        ("--pool-token=hunter22",),
        ("--pilotSecret", "hunter22"),
        ("--execute", "agent --token hunter22"),
        ("--pool", "https://h/?access_token=hunter22"),
        ("--pool", "picas+https://u:hunter22@h/db"),
        ("--events", "stomp+ssl://u:hunter22@b/queue/x"),
    ],
)
def test_a_parcel_with_a_secret_is_for_its_owner_alone(ship, words):
    extension = (
        ["--extension", str(ROOT / "extensions" / "pilot_dirac")]
        if "--pilotSecret" in words
        else []
    )
    folder, said = ship(
        "slurm",
        *extension,
        "--",
        "-X",
        "CheckWorkerNode",
        *(["-E", "dirac"] if extension else []),
        *words,
    )
    assert (
        folder / "pilot-job.py"
    ).stat().st_mode & 0o077 == 0 and "hold a token or a password" in said


@pytest.mark.parametrize(
    "words", [("--pool-token-file", "/x"), ("--pool", "https://h:443/a@b"), ("--site", "token")]
)
def test_what_is_no_secret_makes_none(ship, words):
    folder, said = ship("gridengine", "--", "-X", "CheckWorkerNode", *words)
    assert (folder / "pilot-job.py").stat().st_mode & 0o055 and "for you alone" not in said


@pytest.mark.parametrize(
    "profile, secret",
    [
        ({"pool_token": "hunter22"}, True),
        ({"events": "stomp://u:hunter22@b/queue/x"}, True),
        ({"site": "S"}, False),
        ({"pool": "https://h", "site": "a:b@c"}, False),
    ],
)
def test_a_secret_that_is_built_in_is_one(ship, tmp_path, profile, secret):
    (tmp_path / "site.json").write_text(json.dumps({"Defaults": profile}))
    folder, said = ship(
        "cloud-init", "--url", "http://x/p", "--config", str(tmp_path / "site.json")
    )
    assert (
        ((folder / "user-data").stat().st_mode & 0o077 == 0)
        == ("Every process of such a machine" in said)
        == secret
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
    assert (
        "hunter" not in unit
        and "EnvironmentFile=/etc/pilot.env" in unit
        and "--site S --workdir" in unit
    )
    assert (
        folder / "pilot.env"
    ).read_text() == 'PILOT_POOL_TOKEN="hunter22"\nPILOT_REGISTER_TOKEN="hunter33"\n'
    assert "install -m 600 pilot.env /etc/" in said and "install -m 644 pilot.service" in said
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
    assert (
        folder / "pilot.env"
    ).read_text() == 'PILOT_PILOT_SECRET="a\\"b\\\\c \\$d\\`"\n' and "pilotSecret" not in (
        folder / "pilot.service"
    ).read_text()


def test_a_built_in_secret_is_nothing_for_a_machine_of_many(tmp_path, capsys):
    (tmp_path / "site.json").write_text(json.dumps({"Defaults": {"pool_token": "hunter22"}}))
    assert (
        main(["systemd", "-o", str(tmp_path / "o"), "--config", str(tmp_path / "site.json")]) == 2
    )
    assert "give it behind --" in capsys.readouterr().err and not (tmp_path / "o").exists()


def test_each_life_under_systemd_has_its_own_folder(ship):
    unit = (ship("systemd")[0] / "pilot.service").read_text()
    assert (
        "--workdir 'pilot-$${INVOCATION_ID}'" in unit
        and "-type d -name pilot-* -mtime +1" in unit
        and "! -exec test -e {}/outputs \\; -exec rm -rf {} +" in unit
    )


@pytest.mark.parametrize(
    "words, told",
    [
        (("arc", "--count", "3"), "arc has no --count"),
        (("htcondor", "--queue", "q"), "htcondor has no --queue"),
        (("cloud-init", "--cores", "2"), "cloud-init has no --cores"),
        (("vac", "--url", "http://x", "--format", "gzip"), "vac has no --format"),
        (("vac", "--url", "http://x", "--cloud", "kubevirt"), "vac has no --cloud"),
        (("slurm", "--image", "x", "--stay"), "slurm has no --image"),
        (("systemd", "--count", "2"), "systemd has no --count"),
        (("cloud-init", "--url", ""), "--url: an empty one"),
        (("slurm", "--walltime", "60"), "would be warned from its very start"),
        (
            ("cloud-init", "--cloud", "kubevirt", "--url", "http://x"),
            "--format gzip makes it smaller",
        ),
    ],
)
def test_what_would_do_nothing_is_refused(tmp_path, capsys, words, told):
    assert main(list(words) + ["-o", str(tmp_path / "o")]) == 2
    assert told in capsys.readouterr().err and not (tmp_path / "o").exists()


def test_a_folder_with_a_blank_can_be_pasted(tmp_path, capsys):
    assert main(["slurm", "-o", str(tmp_path / "my dir")]) == 0
    assert "cd '%s'" % (tmp_path / "my dir") in capsys.readouterr().out


def test_a_virtual_machine_of_boinc_outlives_its_pilot_and_a_sick_one_is_slow(tmp_path):
    assert (
        main(["boinc", "-o", str(tmp_path), "--walltime", "3600", "--", "-X", "CheckWorkerNode"])
        == 0
    )
    text = (tmp_path / "vbox_job.xml").read_text()
    assert (
        int(re.search("<job_duration>(\\d+)<", text).group(1)) >= 3600 + 600
        and int(re.search("<minimum_heartbeat_interval>(\\d+)<", text).group(1)) > 60
    )
    assert "<multi_process/>" in (tmp_path / "job.xml").read_text()
    assert (
        "720-900" in (tmp_path / "pilot.py").read_text()
        and main(["boinc", "-o", str(tmp_path), "--", "-X", "CheckWorkerNode", "--hold-s", "0"])
        == 0
    )
    assert "720-900" not in (tmp_path / "pilot.py").read_text()


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
    assert (
        "hunter22" not in (folder / "pilot.service").read_text()
        and 'PILOT_EVENTS="stomp://pilots:hunter22@broker' in (folder / "pilot.env").read_text()
    )
    assert (folder / "pilot.env").stat().st_mode & 0o077 == 0
