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
