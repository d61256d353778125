"""PiCaS tokens: what becomes of a document, and a database that is shared with others."""

import json

import pytest

from pilot.errors import PoolUnreachable, UsageError
from pilot.pool import open_pool
from pilot.pool.interface import Busy, Denied, Final, Offer, StaleLease
from tests.conftest import extension
from tests.pool.asking import add, claim, finish, state
from tests.pool.conftest import clock, couch, within  # noqa: F401

token = extension("pilot_picas.token")
TOKEN = {
    "_id": "t1",
    "_rev": "1-a",
    "type": "token",
    "lock": 0,
    "done": 0,
    "hostname": "",
    "scrub_count": 0,
    "input": "echo hi",
    "exit_code": "",
    "output": {},
    "uploads": {},
    "error": [],
    "mine": {"kept": True},
}


def test_states_are_those_of_the_views():
    assert token.state_of(TOKEN) == "todo" and token.state_of(dict(TOKEN, lock=5)) == "locked"
    assert (
        token.state_of(dict(TOKEN, lock=5, done=6, exit_code=0)) == "done"
        and token.state_of(dict(TOKEN, lock=5, done=6, exit_code="0")) == "done"
    )
    assert (
        token.state_of(dict(TOKEN, lock=99, done=99)) == "error"
        and token.state_of(dict(TOKEN, lock=-1)) == "held"
    )


@pytest.mark.parametrize(
    "environ, fields",
    [
        ({"SLURM_JOB_ID": "7"}, {"slurm_job_id": "7"}),
        (
            {"SLURM_JOB_ID": "9", "SLURM_ARRAY_JOB_ID": "7", "SLURM_ARRAY_TASK_ID": "2"},
            {"slurm_job_id": "7_2"},
        ),
        ({"GLITE_WMS_JOBID": "none", "PBS_JOBID": "5.x"}, {"pbs_job_id": "5.x"}),
        ({"DIRACJOBID": "1", "SLURM_JOB_ID": "7"}, {"dirac_job_id": "1"}),
        ({}, {}),
    ],
)
def test_the_job_id_is_kept_as_picas_does(environ, fields):
    found = token.lock_token(TOKEN, "p1", 300, 1000.5, "wn1", environ, "r1")
    assert {key: found[key] for key in found if key.endswith("_job_id")} == fields
    assert (found["lock"], found["done"], found["hostname"], found["mine"]) == (
        1000,
        0,
        "wn1",
        {"kept": True},
    )


def test_an_end_is_written_where_the_old_client_looks():
    held = token.lock_token(TOKEN, "p1", 300, 1000.0, "wn1", {"SLURM_JOB_ID": "7"}, "r1")
    good = token.end_attempt(
        held,
        Final(
            "t1", 1, "done", "", {"exit_code": 0, "stdout": "hi\n", "stderr": "", "seconds": 2.0}
        ),
        1010.0,
    )
    assert (good["done"], good["exit_code"], good["output"]["seconds"], good["slurm_job_id"]) == (
        1010,
        0,
        2.0,
        "7",
    ) and "pilot_lease" not in good
    assert (
        set(good["_attachments"]) == {"logs_t1.out", "logs_t1.err"}
        and good["_attachments"]["logs_t1.out"]["data"] == "aGkK"
    )
    bad = token.end_attempt(held, Final("t1", 1, "error", "exit code 3", {"exit_code": 3}), 1010.0)
    assert (
        (bad["lock"], bad["done"], bad["scrub_count"], bad["exit_code"]) == (0, 0, 1, 3)
        and bad["error"][0]["message"] == "exit code 3"
        and "slurm_job_id" not in bad
    )
    worst = token.end_attempt(
        dict(held, scrub_count=2), Final("t1", 1, "error", "exit code 3", {"exit_code": 3}), 1010.0
    )
    assert token.state_of(worst) == "error" and worst["scrub_count"] == 2


def test_a_command_is_filled_from_the_token():
    spec = token.spec_of(dict(TOKEN, input={"a": 1}, cores=4), "./run.sh {input} --id={_id} {none}")
    assert (
        spec["command"] == ["./run.sh", '{"a": 1}', "--id=t1", ""]
        and spec["cores"] == 4
        and spec["env"]["PICAS_INPUT"] == '{"a": 1}'
    )
    assert token.spec_of(TOKEN, "") is None
    for text in ("run {input", ""):
        with pytest.raises(ValueError):
            token.parse_template(text)


@pytest.fixture
def pool(couch):  # noqa: F811
    with open_pool(couch.url, create=True) as one:
        yield one


def test_a_token_of_ours_has_the_variables_too():
    document = dict(TOKEN, input="x", **{token.TASK: {"command": ["env"], "env": {"A": "1"}}})
    assert token.spec_of(document, "")["env"] == {
        "PICAS_TOKEN_ID": TOKEN["_id"],
        "PICAS_INPUT": "x",
        "A": "1",
    }


def test_a_token_of_the_old_client_is_run_only_with_a_command(couch, pool):  # noqa: F811
    couch.documents["t1"] = dict(TOKEN)
    assert claim(pool) == []
    with open_pool(couch.url, environ={"PILOT_PICAS_COMMAND": "sh -c {input}"}) as other:
        assert claim(other)[0].spec["command"] == ["sh", "-c", "echo hi"]


def test_a_token_that_another_took_since_the_view_was_read_is_left_alone(
    couch, pool, monkeypatch  # noqa: F811
):
    add(pool, "a")
    put = pool.database.put

    def quicker(document):
        couch.documents["a"] = dict(
            couch.documents["a"], lock=55, hostname="old client", _rev="9-z"
        )
        put(document)
    monkeypatch.setattr(pool.database, "put", quicker)
    assert claim(pool) == [] and couch.documents["a"]["hostname"] == "old client"


def test_the_locks_of_old_clients_never_run_out(couch, pool, clock):  # noqa: F811
    couch.documents["t1"] = dict(TOKEN, lock=55)
    clock.now += 1e6
    assert pool.status()["locked"] == 1 and state(pool, "t1") == "locked"


def test_what_an_operator_edits_meanwhile_is_kept_and_so_is_our_result(
    couch, pool, monkeypatch  # noqa: F811
):
    add(pool, "a")
    lease = claim(pool)[0]
    put, edited = pool.database.put, []

    def edit_first(document):
        if not edited:
            edited.append(1)
            couch.documents["a"] = dict(couch.documents["a"], note="edited", _rev="9-z")
        put(document)
    monkeypatch.setattr(pool.database, "put", edit_first)
    assert (
        finish(pool, lease) == "done"
        and couch.documents["a"]["note"] == "edited"
        and couch.documents["a"]["exit_code"] == 0
    )


def test_a_lost_reply_to_a_claim_costs_nothing(couch, pool, monkeypatch):  # noqa: F811
    add(pool, "a", "b")
    put = pool.database.put

    def no_reply(document):
        put(document)
        raise Busy("no reply")
    monkeypatch.setattr(pool.database, "put", no_reply)
    with pytest.raises(Busy):
        claim(pool, request="r9")
    monkeypatch.setattr(pool.database, "put", put)
    leases = claim(pool, request="r9")
    assert len(leases) == 1 and pool.status()["locked"] == 1


def test_more_tokens_than_a_page_that_do_not_fit_hide_nothing(couch, pool):  # noqa: F811
    add(pool, *["a%03d" % n for n in range(250)], cores=64)
    add(pool, "z")
    assert [lease.task for lease in claim(pool, offer=Offer(cores=1))] == ["z"]


def test_moving_house_between_all_three_stores(couch, pool, tmp_path, within):  # noqa: F811
    add(pool, "a", "b", "c", "d", max_attempts=1)
    leases = {lease.task: lease for lease in claim(pool, count=4)}
    finish(pool, leases["a"])
    finish(pool, leases["b"], "error", reason="exit code 1")
    pool.cancel(["c"])
    told = list(pool.export())
    for url in ("sqlite:%s/moved.sqlite" % tmp_path, within.url):
        with open_pool(url, create=True) as other:
            assert other.restore(told) == (4, 0) and other.restore(told) == (0, 4)
            assert {task["id"]: task["state"] for task in other.export()} == {
                "a": "done",
                "b": "error",
                "c": "held",
                "d": "todo",
            }
            assert [attempt["outcome"] for attempt in other.show("b")["attempts"]] == ["error"]
            again = list(other.export())
    couch.documents = {
        name: document
        for name, document in couch.documents.items()
        if document.get("type") != "token"
    }
    assert pool.restore(again) == (4, 0) and pool.status() == {
        "todo": 1,
        "locked": 0,
        "done": 1,
        "error": 1,
        "held": 1,
    }
    with pytest.raises(StaleLease):
        finish(pool, leases["d"])
    assert claim(pool)[0].task == "d"


def test_what_the_database_says_is_told(couch, pool):  # noqa: F811
    for status, error in ((401, Denied), (500, Busy)):
        couch.fail = status
        with pytest.raises(error, match="told to fail"):
            pool.status()
    couch.fail = 0
    couch.databases.clear()
    with pytest.raises(PoolUnreachable, match="makes a database"):
        pool.status()


def test_a_password_is_not_in_any_sentence(couch):  # noqa: F811
    couch.close()
    with open_pool(couch.url) as gone, pytest.raises(Busy) as caught:
        gone.status()
    assert "hunter22" not in str(caught.value)


@pytest.mark.parametrize(
    "edit",
    [
        {"pilot_task": {"command": ["true"], "cores": "4"}},
        {"pilot_attempts": None},
        {"pilot_lease": "mine"},
        {"pilot_task": 5},
        {"scrub_count": "many"},
        {"pilot_attempts": [1, {"generation": "x"}]},
        {"error": "text"},
        {"pilot_not_before": "later"},
        {"lock": 5, "pilot_lease": {"generation": 1, "until": 3}},
        {"_attachments": "x"},
        {"lock": None},
        {"input": None},
    ],
)
def test_what_people_edited_holds_up_nobody(couch, pool, edit):  # noqa: F811
    add(pool, "good")
    couch.documents["odd"] = (
        dict(TOKEN, _id="odd", **edit)
        if edit.get("lock", 0) is not None
        else dict(TOKEN, _id="odd", lock=0, hostname=None)
    )
    with open_pool(couch.url, environ={"PILOT_PICAS_COMMAND": "true"}) as other:
        leases = claim(other, count=5)
        assert "good" in [lease.task for lease in leases]
        for lease in leases:
            finish(other, lease, "error")
        assert (
            other.status()
            and other.pending()
            and list(other.export())
            and other.renew("p1", [("odd", 1)], 300) is not None
        )


@pytest.mark.parametrize(
    "text, words",
    [
        (None, "there is no such picasconfig.py"),
        ("PICAS_DATABASE = 'x'", "does not set PICAS_HOST_URL"),
        ("import no_such_module", "cannot be run: ModuleNotFoundError"),
        ("PICAS_HOST_URL = 'ftp://x'\nPICAS_DATABASE = 'x'", "is no http"),
    ],
)
def test_a_picasconfig_with_mistakes_is_told(tmp_path, text, words):
    path = tmp_path / "picasconfig.py"
    if text is not None:
        path.write_text(text)
    with pytest.raises(UsageError, match=words):
        open_pool("picas:%s" % path)


def test_a_picasconfig_is_honoured(tmp_path, couch):  # noqa: F811
    couch.databases.add("tok/ens")
    (tmp_path / "picasconfig.py").write_text(
        "PICAS_HOST_URL = '%s'\nPICAS_DATABASE = 'tokens'\nPICAS_USERNAME = 'us er'\nPICAS_PASSWORD = 'p@ss/w'\n"
        % couch.url.split("+")[1].rpartition("/")[0]
    )
    with open_pool("picas:%s/picasconfig.py" % tmp_path, create=True) as pool:
        assert add(pool, "a") == (1, 0)


def test_a_pilot_runs_tokens(couch, pool, pilot, tmp_path):  # noqa: F811
    couch.documents["t1"] = dict(TOKEN)
    couch.documents["t2"] = dict(TOKEN, _id="t2", input="exit 4", scrub_count=2)
    add(pool, "ours")
    ended = pilot(
        "-E",
        "picas",
        "-X",
        "CheckWorkerNode,LaunchAgent",
        "--pool",
        couch.url,
        "--picas-command",
        "sh -c {input}",
    )
    assert (
        ended.code == 0
        and ended.report["tasks"]["done"] == 2
        and ended.report["tasks"]["error"] == 1
    )
    assert (
        couch.documents["t1"]["exit_code"] == 0
        and couch.documents["t2"]["exit_code"] == 4
        and couch.documents["t2"]["done"] > 0
    )
    assert "hunter22" not in ended.err + ended.out + json.dumps(ended.report)


def test_plan_mistakes_are_told(pilot):
    ended = pilot(
        "-E",
        "picas",
        "-X",
        "CheckWorkerNode,LaunchAgent",
        "--pool",
        "picas+http://h/d",
        "--picas-command",
        "run {input",
        "--picas-view",
        "x",
    )
    assert ended.code == 2 and "a { without its }" in ended.err
