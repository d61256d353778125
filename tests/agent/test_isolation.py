"""The walls around payloads, as the node offers them."""

import pytest

from pilot.agent import isolation


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
    assert (
        words[:2] == ["/bin/apptainer", "exec"]
        and words[-2:] == ["/image", "x"]
        and "--userns" in words
    )
