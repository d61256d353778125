"""Programs on PATH in place of a batch system's commands."""

import os
import stat

import pytest

from pilot.ops.factory.backends import make_backend


@pytest.fixture
def commands(tmp_path, monkeypatch):
    """`commands(backend, name="shell text", ...)`: a backend whose commands are these scripts;
    `calls` has the command lines."""
    folder = tmp_path / "bin"
    folder.mkdir()
    calls = tmp_path / "calls"
    calls.write_text("")

    def make(backend, variables=(), **scripts):
        for name, text in scripts.items():
            path = folder / name
            path.write_text('#!/bin/sh\nprintf "%%s\\n" "%s $*" >>%s\n%s\n' % (name, calls, text))
            path.chmod(path.stat().st_mode | stat.S_IXUSR)
        environ = dict(os.environ, PATH="%s:%s" % (folder, os.environ["PATH"]), **dict(variables))
        monkeypatch.setenv("PATH", environ["PATH"])
        one = make_backend(backend, environ, str(tmp_path))
        one.calls = lambda: calls.read_text().splitlines()
        return one

    return make
