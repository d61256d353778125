"""picasconfig.py: where the database is."""

import pytest

from pilot.errors import UsageError
from pilot.pool import open_pool
from tests.conftest import extension
from tests.pool.asking import add

config = extension("pilot_picas.config")


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


def test_a_picasconfig_is_honoured(tmp_path, couch):
    couch.databases.add("tok/ens")
    (tmp_path / "picasconfig.py").write_text(
        "PICAS_HOST_URL = '%s'\nPICAS_DATABASE = 'tokens'\n"
        "PICAS_USERNAME = 'us er'\nPICAS_PASSWORD = 'p@ss/w'\n"
        % couch.url.split("+")[1].rpartition("/")[0]
    )
    with open_pool("picas:%s/picasconfig.py" % tmp_path, create=True) as pool:
        assert add(pool, "a") == (1, 0)


def test_user_and_password_are_quoted(tmp_path):
    path = tmp_path / "picasconfig.py"
    path.write_text(
        "PICAS_HOST_URL = 'https://other@h:6984'\nPICAS_DATABASE = 'to/k'\n"
        "PICAS_USERNAME = 'us er'\nPICAS_PASSWORD = 'p@ss/w'\n"
    )
    assert config.url_of(str(path)) == "https://us%20er:p%40ss%2Fw@h:6984/to%2Fk"


def test_without_a_user_there_is_none_in_the_address(tmp_path):
    path = tmp_path / "picasconfig.py"
    path.write_text("PICAS_HOST_URL = 'http://h'\nPICAS_DATABASE = 'd'\n")
    assert config.url_of(str(path)) == "http://h/d"


@pytest.mark.parametrize(
    "options, text",
    [({}, ""), ({"startkey": "a b"}, "&startkey=%22a+b%22"), ({"skip": 1}, "&skip=1")],
)
def test_options_of_a_view_are_json(options, text):
    assert config.query_string(options) == text
