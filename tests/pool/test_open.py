"""From a URL to a pool."""

import pytest

from pilot.errors import UsageError
from pilot.pool.open import check_url, open_pool

PACKAGE = """
COMMANDS = ()
POOLS = {"shelf": lambda url, create, environ: (url, create, environ["WHO"])}
"""


@pytest.fixture
def shelf(tmp_path, monkeypatch):
    (tmp_path / "pilot_shelf").mkdir()
    (tmp_path / "pilot_shelf" / "__init__.py").write_text(PACKAGE)
    monkeypatch.setenv("PILOT_EXTENSION_PATH", str(tmp_path))


def test_an_extension_declares_its_pool_beside_its_commands(shelf, tmp_path):
    environ = {"WHO": "me", "PILOT_EXTENSION_PATH": str(tmp_path)}
    assert open_pool("shelf:top", create=True, environ=environ) == ("shelf:top", True, "me")
    assert open_pool("shelf+https://h/x", environ=environ)[0] == "shelf+https://h/x"
    check_url("shelf:top")


@pytest.mark.parametrize("url", ["example:x", "nosuch:x", "sqlite:", "http:x", "x", ""])
def test_a_url_of_no_pool_is_told(url):
    with pytest.raises(UsageError) as caught:
        check_url(url)
    assert "is not a pool: use sqlite:FILE" in str(caught.value)


@pytest.mark.parametrize("url", ["sqlite:", "ftp://x", "x", ""])
def test_other_schemes_are_refused(url):
    with pytest.raises(UsageError, match="is not a pool"):
        open_pool(url)
