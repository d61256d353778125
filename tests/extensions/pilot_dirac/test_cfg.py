"""DIRAC's configuration language: read, merged, written."""

import pytest

from tests.conftest import extension

cfg = extension("pilot_dirac.cfg")
TEXT = "A\n{\n  x = 1\n  B\n  {\n    y = a\n    y += b\n    z = {not a section}\n  }\n}\n"


def test_a_cfg_is_read_and_written_as_it_was(tmp_path):
    tree = cfg.parse_cfg(TEXT)
    assert tree == {"A": {"x": "1", "B": {"y": "a, b", "z": "{not a section}"}}}
    assert cfg.render_cfg(tree) == TEXT
    assert cfg.parse_cfg("A { B {\nx = 1\n} } # end\n".replace("# end", "")) == {
        "A": {"B": {"x": "1"}}
    }
    (tmp_path / "c").write_text(TEXT)
    cfg.update_file(str(tmp_path / "c"), {"/A/B/y": "c", "/New/Deep/Name": "v=w"})
    assert cfg.get_option(cfg.parse_cfg((tmp_path / "c").read_text()), "/A/B/y") == "c"
    assert cfg.get_option(cfg.parse_cfg((tmp_path / "c").read_text()), "New/Deep/Name") == "v=w"
    assert cfg.get_option(tree, "/A") == ""
    assert cfg.get_option(tree, "/A/x/y") == ""


@pytest.mark.parametrize(
    "text, words",
    [
        ("A\n{\n", "} is missing"),
        ("}\n", "line 1: a } too many"),
        ("{\n}\n", "line 1: a { without a name"),
        ("A = 1\nA\n{\n}\n", "line 3: A is a value"),
    ],
)
def test_a_malformed_cfg_is_told_with_its_line(tmp_path, text, words):
    (tmp_path / "c").write_text(text)
    with pytest.raises(ValueError) as told:
        cfg.update_file(str(tmp_path / "c"), {"/A/x": "1"})
    assert words in str(told.value)
    assert str(tmp_path / "c") in str(told.value)
    with pytest.raises(ValueError):
        cfg.set_option({"A": "1"}, {"/A/x": "2"})


@pytest.mark.parametrize(
    "text, tree",
    [
        ("# a comment\nA = 1\n", {"A": "1"}),
        ("A =\n", {"A": ""}),
        ("A = x = y\n", {"A": "x = y"}),
        ("A { x = 1\n}\nA { y = 2\n}\n", {"A": {"x": "1", "y": "2"}}),
        ("A\n{\n}\n", {"A": {}}),
        ("x += a\nx += b\n", {"x": "a, b"}),
    ],
)
def test_odd_forms_are_read(text, tree):
    assert cfg.parse_cfg(text) == tree


def test_a_list_is_written_a_part_to_a_line():
    assert cfg.render_cfg({"x": "a, b,c"}) == "x = a\nx += b\nx += c\n"


def test_a_value_of_several_lines_is_written_as_one():
    assert cfg.set_option({}, {"/A/x": "1\n2"}) == {"A": {"x": "1 2"}}


def test_a_value_where_a_section_is_wanted_is_named():
    with pytest.raises(ValueError, match="/A/x: A is a value, no section"):
        cfg.set_option({"A": "1"}, {"/A/x": "2"})


def test_a_file_that_is_not_there_is_made(tmp_path):
    cfg.update_file(str(tmp_path / "new.cfg"), {"/A/x": "1"})
    assert (tmp_path / "new.cfg").read_text() == "A\n{\n  x = 1\n}\n"


def test_bytes_that_are_no_text_are_kept(tmp_path):
    (tmp_path / "odd.cfg").write_bytes(b"x = \xff\n")
    cfg.update_file(str(tmp_path / "odd.cfg"), {"/y": "1"})
    assert (tmp_path / "odd.cfg").read_bytes() == b"x = \xff\ny = 1\n"


def test_what_is_not_there_has_no_value():
    assert cfg.get_option({"A": {"x": "1"}}, "/A/y") == ""
