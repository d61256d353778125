"""Uploads of files."""

import pytest

from pilot.base import fetch
from pilot.base.upload import upload_file
from tests.base.test_fetch import BODY, server  # noqa: F401


def test_an_upload_is_tried_again(server, tmp_path):  # noqa: F811
    server.replies = [(503, b"", None), (201, b"", None)]
    (tmp_path / "f").write_bytes(BODY)
    upload_file(server.url, str(tmp_path / "f"), 10)
    assert server.seen == [("PUT", "/file", BODY)] * 2
    assert server.headers[0]["Content-Type"] == "application/octet-stream"


def test_an_upload_that_is_refused_fails_at_once(server, tmp_path):  # noqa: F811
    server.replies = [(403, b"", None)]
    (tmp_path / "f").write_bytes(BODY)
    with pytest.raises(fetch.FetchFailed, match="HTTP 403"):
        upload_file(server.url, str(tmp_path / "f"), 10)
    assert len(server.seen) == 1
