import configparser
import json
import os
import subprocess

from commands.configure import Configure
from pilot.facts import BatchJob, Configuration, Installation
from pilot.testing import run_command, worker_node as node


def test_the_file_holds_facts_and_what_was_set(tmp_path):
    facts = [node(batch=BatchJob("Slurm", "7", "long")), Installation("none", "/opt/soft", {})]
    trial = run_command(
        Configure, tmp_path, {"set": ["LocalSE=CERN-disk", "cores=1"], "site": "LCG.X.org"}, facts
    )
    found = json.loads((tmp_path / "pilot-agent.json").read_text())
    assert found["memory_mb"] == 4000
    assert found["batch_queue"] == "long"
    assert found["software"] == "/opt/soft"
    assert found["site"] == "LCG.X.org"
    assert found["LocalSE"] == "CERN-disk" and found["cores"] == "1"  # --set wins
    assert found["platform"] == "Linux_x86_64_glibc-2.36"
    assert trial.fact(Configuration).path == str(tmp_path / "pilot-agent.json")
    assert os.stat(str(tmp_path / "pilot-agent.json")).st_mode & 0o777 == 0o600


def test_a_shell_can_source_the_env_form_whatever_the_values(tmp_path):
    run_command(
        Configure,
        tmp_path,
        {"agent_config": "agent.env", "set": ["odd=a 'b' $(touch x) \"c\""]},
        [node()],
    )
    told = subprocess.check_output(
        ["sh", "-c", ". ./agent.env; printf %s \"$ODD\""], cwd=str(tmp_path)
    )
    assert told == b"a 'b' $(touch x) \"c\"" and not (tmp_path / "x").exists()


def test_the_ini_form_is_read_by_a_usual_parser(tmp_path):
    run_command(
        Configure, tmp_path, {"agent_config": "conf/agent.ini", "set": ["two=a\nb"]}, [node()]
    )
    parser = configparser.ConfigParser(interpolation=None)
    parser.read(str(tmp_path / "conf" / "agent.ini"))
    assert parser["pilot"]["cores"] == "2" and parser["pilot"]["two"] == "a\nb"


def test_a_place_that_cannot_be_written_is_one_sentence(tmp_path):
    outcome = run_command(Configure, tmp_path, {"agent_config": "/dev/null/x"}, [node()]).outcome
    assert outcome.exit_code == 30 and "cannot be written" in outcome.reason
