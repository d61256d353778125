"""The walls around payloads, as the node offers them."""

import shutil

import pytest

from pilot.agent import isolation
from tests.agent.running import shown


def which(*there):
    return lambda name: "/bin/" + name if name in there else None


@pytest.mark.parametrize(
    "asked, there, namespaces, way",
    [
        ("none", (), False, "none"),
        ("auto", ("bwrap", "unshare"), True, "bubblewrap"),
        ("auto", ("unshare",), True, "unshare"),
        ("auto", ("bwrap", "unshare"), False, "none"),
        ("auto", (), True, "none"),
        ("apptainer", ("singularity",), False, "apptainer"),
    ],
)
def test_the_wall_is_what_the_node_offers(asked, there, namespaces, way, monkeypatch):
    monkeypatch.setattr(isolation, "APPTAINERS", ())
    assert isolation.choose_way(asked, which(*there), namespaces) == way


@pytest.mark.parametrize(
    "asked, there, namespaces",
    [
        ("bubblewrap", (), True),
        ("bubblewrap", ("bwrap",), False),
        ("unshare", (), True),
        ("apptainer", (), True),
    ],
)
def test_a_wall_that_is_asked_for_and_missing_is_told(asked, there, namespaces, monkeypatch):
    monkeypatch.setattr(isolation, "APPTAINERS", ())
    with pytest.raises(ValueError, match=asked):
        isolation.choose_way(asked, which(*there), namespaces)


def test_walls_leave_the_payloads_own_words_at_the_end():
    for way in ("none", "bubblewrap", "unshare"):
        assert isolation.wrap_argv(
            ["x", "y"], isolation.Wall(way), isolation.Folders("/h/work", "/h/tmp"), which()
        )[-2:] == ["x", "y"]
    words = isolation.wrap_argv(
        ["x"],
        isolation.Wall("none", "/image"),
        isolation.Folders("/h/work", "/h/tmp"),
        which("apptainer"),
    )
    assert words[:2] == ["/bin/apptainer", "exec"]
    assert words[-2:] == ["/image", "x"]
    assert "--userns" in words


@pytest.mark.parametrize("way", ["unshare", "bubblewrap"])
def test_walls_as_this_node_has_them(run, way):
    from pilot.node.container import start_user_namespace_check

    if (
        not shutil.which({"unshare": "unshare", "bubblewrap": "bwrap"}[way])
        or not start_user_namespace_check()()
    ):
        pytest.skip("this node has no %s or no user namespaces" % way)
    ended = run(
        [
            {
                "id": "a",
                "script": "echo pid $$; ls /proc | grep -c '^[0-9]'; echo x > file; cat file",
            }
        ],
        "--isolation",
        way,
    )
    text = shown(ended, "a")["attempts"][0]["result"]["stdout"]
    assert ended.report["tasks"]["done"] == 1
    assert int(text.split()[2]) < 10
    assert text.endswith("x\n")


def test_a_container_task_waits_for_a_node_with_containers(run, programs):
    ended = run([{"id": "a", "command": ["true"], "container": "/image"}])
    assert shown(ended, "a")["state"] == "todo"
    shutil.rmtree(str(ended.workdir))
    programs.make("apptainer", 'while [ "$1" != /image ]; do shift; done; shift; exec "$@"')
    ended = run([{"id": "a", "command": ["echo", "inside"], "container": "/image"}])
    assert shown(ended, "a")["attempts"][0]["result"]["stdout"] == "inside\n"
    assert "exec --userns" in programs.calls("apptainer")[0]
