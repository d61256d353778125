"""Software to be installed, as the tests make it."""

import hashlib
import io
import tarfile

from commands.install import Install
from pilot.testing import run_command


def tarball(path, members):
    """A gzipped tar of (name, content or TarInfo) pairs."""
    with tarfile.open(str(path), "w:gz") as made:
        for name, content in members:
            info = content if isinstance(content, tarfile.TarInfo) else tarfile.TarInfo(name)
            data = b"" if isinstance(content, tarfile.TarInfo) else content
            if not isinstance(content, tarfile.TarInfo):
                info.size, info.mode = len(data), 0o755
            made.addfile(info, io.BytesIO(data))
    return hashlib.sha256(path.read_bytes()).hexdigest()


def link(name, target, kind=tarfile.SYMTYPE):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def install(tmp_path, *sources, **settings):
    """How the command ends with these sources, in the folder `w`."""
    (tmp_path / "w").mkdir(exist_ok=True)
    return run_command(Install, tmp_path / "w", dict(settings, install=list(sources)))
