"""Checksums: parses those that operators write, and computes those of files on disk and of files
during writing."""

import hashlib
from typing import BinaryIO, Dict, NamedTuple, Optional

ALGORITHMS = ("sha256", "sha512")
CHUNK = 1 << 18


class Checksum(NamedTuple):
    """An algorithm and its digest in lower-case hex."""

    algorithm: str
    digest: str


def parse_checksum(text: str) -> Optional[Checksum]:
    """"sha256:HEX", "sha512:HEX" or bare hex; None for "". ValueError for anything else."""
    if not text:
        return None
    name, _, digest = text.rpartition(":")
    digest = digest.strip().lower()
    name = name.lower() or {64: "sha256", 128: "sha512"}.get(len(digest), "")
    if (
        name not in ALGORITHMS
        or len(digest) != {"sha256": 64, "sha512": 128}[name]
        or digest.strip("0123456789abcdef")
    ):
        raise ValueError("%r is not a checksum like sha256:HEX or sha512:HEX" % text)
    return Checksum(name, digest)


def file_digest(path: str, algorithm: str = "sha256") -> str:
    """The hex digest of a file; OSError when it cannot be read."""
    digest = hashlib.new(algorithm)
    with open(path, "rb") as stream:
        for block in iter(lambda: stream.read(CHUNK), b""):
            digest.update(block)
    return digest.hexdigest()


class DigestedFile:
    """Writes a file and computes the checksums of its content."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.restart_file()

    def restart_file(self) -> None:
        """Discard the content."""
        self._stream.seek(0)
        self._stream.truncate()
        self._digests = {name: hashlib.new(name) for name in ALGORITHMS}

    def write(self, data: bytes) -> None:
        """Append these bytes."""
        self._stream.write(data)
        for digest in self._digests.values():
            digest.update(data)

    def digests(self) -> Dict[str, str]:
        """The digest of the content, by algorithm."""
        return {name: digest.hexdigest() for name, digest in self._digests.items()}
