"""Windows of UTC."""

import pytest

from pilot.ops.factory.downtime import Window, current_window, read_windows

NEW_YEAR = 1609459200.0  # 2021-01-01T00:00:00Z


@pytest.mark.parametrize(
    "text, windows",
    [
        ("", ()),
        ("2021-01-01/2021-01-02", (Window(NEW_YEAR, NEW_YEAR + 86400),)),
        ("2021-01-01T00:00Z/2021-01-01T01:30", (Window(NEW_YEAR, NEW_YEAR + 5400),)),
        (
            "2021-01-01T00:00:10Z/2021-01-02, 2021-01-03/2021-01-04",
            (Window(NEW_YEAR + 10, NEW_YEAR + 86400), Window(NEW_YEAR + 172800, NEW_YEAR + 259200)),
        ),
    ],
)
def test_windows_are_read(text, windows):
    assert read_windows(text) == windows


@pytest.mark.parametrize(
    "text", ["2021-01-01", "2021-01-02/2021-01-01", "soon/later", "2021-1-1/2021-1-2", "2021-01-01/2021-13-01"]
)
def test_what_is_no_window_is_told(text):
    with pytest.raises(ValueError, match="is no window of UTC like 2026-12-01"):
        read_windows(text)


def test_a_file_has_a_window_per_line(tmp_path):
    path = tmp_path / "downtimes"
    path.write_text("# planned\n2021-01-01/2021-01-02  # power\n\n")
    assert read_windows(str(path)) == (Window(NEW_YEAR, NEW_YEAR + 86400),)
    with pytest.raises(ValueError, match="cannot be read"):
        read_windows(str(tmp_path / "none"))


def test_a_window_begins_and_ends():
    windows = read_windows("2021-01-01/2021-01-02")
    assert current_window(windows, NEW_YEAR - 1) is None
    assert current_window(windows, NEW_YEAR) == windows[0]
    assert current_window(windows, NEW_YEAR + 86400) is None
