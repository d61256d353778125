"""As whom payloads run."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile

import pytest

from pilot.agent import identity
from pilot.base import process
from tests.agent.running import PLAN, agent_of, look, outcomes, put, started


def test_warnings_of_grid_engine_do_not_reach_payloads(pool, start_pilot, tmp_path):
    put(
        pool,
        {
            "id": "a",
            "script": "echo $$ > %s/new && mv %s/new %s/pid;"
            " while ! test -e %s/go; do sleep 0.05; done" % ((tmp_path,) * 4),
            "max_attempts": 1,
        },
    )
    job = dict(os.environ, SGE_TASK_ID="undefined", JOB_ID="7", QUEUE="all.q", NSLOTS="1")
    child = start_pilot(*(PLAN + ("--pool", pool, "--workdir", str(tmp_path / "w"))), env=job)
    payload, (agent, _) = started(tmp_path), agent_of(child)
    for pid in (payload, agent, child.pid):
        os.kill(pid, signal.SIGUSR1)
        os.kill(pid, signal.SIGUSR2)
    (tmp_path / "go").write_text("")
    assert child.wait(timeout=20) == 0
    assert outcomes(look(pool, "a")) == ["done"]


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_payloads_of_a_pilot_that_is_root_run_as_another(pool, pilot):
    place = tempfile.mkdtemp(prefix="pu-", dir="/tmp")
    os.chmod(place, 0o755)
    try:
        put(
            pool,
            {
                "id": "who",
                "script": "id -un; echo $HOME; echo made > out; cat /etc/shadow %s/w/pilot.log"
                % place,
                "outputs": [{"name": "out"}],
            },
            {"id": "command", "command": ["id", "-u"]},
        )
        ended = pilot(*(PLAN + ("--pool", pool)), workdir=os.path.join(place, "w"))
        assert ended.code == 0, look(pool, "who")
        assert (
            look(pool, "who")["attempts"][0]["result"]["exit_code"],
            look(pool, "command")["state"],
        ) == (1, "done"), look(pool, "who")
        result = look(pool, "who")["attempts"][0]["result"]
        assert result["stdout"].startswith("nobody\n%s/w/pilot-" % place)
        assert result["stderr"].count("Permission denied") == 2
        assert int(look(pool, "command")["attempts"][0]["result"]["stdout"]) != 0
    finally:
        shutil.rmtree(place)


needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


def test_only_root_can_choose(monkeypatch, tmp_path):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(ValueError, match="--payload-user nobody: only a pilot that runs as root"):
        identity.choose_user("nobody", str(tmp_path))


@pytest.mark.parametrize("asked", [None, "root"])
def test_a_plain_users_payloads_run_as_the_pilot(monkeypatch, tmp_path, asked):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert identity.choose_user(asked, str(tmp_path)) == ""


def test_a_user_who_is_not_there_is_told(monkeypatch, tmp_path):
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    with pytest.raises(ValueError, match="--payload-user no-such-user: there is no such user here"):
        identity.choose_user("no-such-user", str(tmp_path))


def test_a_folder_that_others_may_not_enter_is_told(monkeypatch, tmp_path):
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    (tmp_path / "closed").mkdir(mode=0o700)
    with pytest.raises(
        ValueError, match="--payload-user nobody: cannot reach .*/closed, as others"
    ):
        identity.choose_user("nobody", str(tmp_path / "closed"))


def test_where_nobody_cannot_reach_the_folder_payloads_run_as_the_pilot(monkeypatch, tmp_path):
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    (tmp_path / "closed").mkdir(mode=0o700)
    assert identity.choose_user(None, str(tmp_path / "closed")) == ""


@needs_root
def test_root_gives_payloads_to_nobody_where_that_user_can_reach_them():
    place = tempfile.mkdtemp(prefix="pu-", dir="/tmp")
    os.chmod(place, 0o755)
    try:
        assert identity.choose_user(None, place) == "nobody"
    finally:
        shutil.rmtree(place)


def test_a_users_ids_begin_with_uid_and_gid():
    me = pwd.getpwuid(os.getuid())
    assert identity.ids_of(me.pw_name)[:2] == [me.pw_uid, me.pw_gid]


def test_the_pilots_own_user_has_no_ids_to_become():
    assert identity.ids_of("") == []


def test_another_user_has_a_home_and_a_name_of_its_own():
    assert identity.user_environ("nobody", "/w") == {
        "HOME": "/w",
        "USER": "nobody",
        "LOGNAME": "nobody",
    }


def test_the_pilots_own_user_keeps_its_home():
    assert identity.user_environ("", "/w") == {}


def test_where_warnings_reach_payloads_they_are_deaf_to_them(config):
    options = identity.start_options(config._replace(drains_reach_payloads=True))
    child = process.spawn(["sh", "-c", "kill -USR1 $$; kill -USR2 $$; exit 7"], **options)
    assert child.wait() == 7


def test_else_a_payload_hears_every_signal(config):
    child = process.spawn(["sh", "-c", "kill -USR1 $$"], **identity.start_options(config))
    assert child.wait() == -signal.SIGUSR1


@needs_root
@pytest.mark.parametrize("deaf", [False, True])
def test_a_payload_of_another_user_has_none_of_our_groups(config, deaf):
    theirs = config._replace(payload_ids=[65534, 65534, 12345], drains_reach_payloads=deaf)
    options = identity.start_options(theirs)
    child = process.spawn(["sh", "-c", "id -u; id -G"], stdout=subprocess.PIPE, **options)
    told = child.communicate()[0].split()
    assert (told[0], sorted(told[1:])) == (b"65534", [b"12345", b"65534"])
