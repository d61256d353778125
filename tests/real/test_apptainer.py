"""Real Apptainer, of Debian sid, run by a plain user: what a payload in a container reaches."""

import shutil
import tempfile
from pathlib import Path

import pytest

from tests.agent.test_walls import column, reached
from tests.real.conftest import build, need


@pytest.fixture(scope="module")
def debian():
    """A small Debian that has apptainer, and is an image for it."""
    need("mmdebstrap", "patchelf")
    folder = Path(tempfile.mkdtemp(prefix="pr-", dir="/tmp"))
    build("apptainer-build.sh", folder / "debian")
    folder.chmod(0o755)
    yield folder / "debian"
    shutil.rmtree(str(folder), ignore_errors=True)


def test_what_a_payload_in_a_container_can_reach(debian, plain_user, single_file):
    place = Path(tempfile.mkdtemp(prefix="pr-", dir="/var/tmp"))
    try:
        found = reached(
            place,
            str(single_file),
            "none",
            plain_user.uid,
            "%s/usr/bin:/usr/bin:/bin" % debian,
            container=str(debian),
        )
    finally:
        shutil.rmtree(str(place))
    assert found == column("apptainer")
