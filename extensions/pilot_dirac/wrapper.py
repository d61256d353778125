#!/usr/bin/env python3
"""Fetches a published pilot, verifies it, runs it, and removes its folder: a job script of its own, for
sites that start pilots by themselves.

    python3 wrapper.py --locations https://dirac.example.org/pilot,file:/cvmfs/dirac.egi.eu/pilot --
    -N ce.example.org -Q default

Each location has manifest.json (pilot_dirac.publish writes it: names with their sha512, each file
under its own checksum, so that an update under way does not change the files that a wrapper is
fetching), or DIRAC's checksums.sha512 with pilot.json and pilot.tar beside it; the wrapper fetches
these again while they do not match. The server of a location decides what runs, unless --sha512
pins the list of checksums or --signers requires a signature (ssh-keygen -Y sign -n pilot); plain
http needs one of these. This file does not import the toolbox, because it runs before the toolbox
is installed.
"""

import argparse
import ctypes
import hashlib
import http.client
import json
import os
import shutil
import signal
import ssl
import subprocess
import sys
import tarfile
import tempfile
import time
import urllib.request
import uuid
from typing import IO, Dict, List, NamedTuple, Optional

TRIES, WAIT_S = 4, 2.0
TIMEOUT_S, FILE_S = 20.0, 300.0  # without data; for a complete file
MOST_BYTES, BLOCK = 64 << 20, 1 << 16
TAR, CHECKSUMS, MANIFEST, PILOT = "pilot.tar", "checksums.sha512", "manifest.json", "dirac-pilot.py"
FAILED = 20  # the pilot's own code for what could not be installed
WRONG = (
    subprocess.TimeoutExpired,
    OSError,
    ValueError,
    KeyError,
    IndexError,
    TypeError,
    AttributeError,
    http.client.HTTPException,
)
PASSED_ON = (
    signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGXCPU, signal.SIGUSR1,
    signal.SIGUSR2,
)
LINES: List[str] = []


def log_line(text: str) -> None:
    """Write a line of our log, which the pilot receives, too."""
    line = "%sZ INFO [PilotWrapper] %s" % (time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime()), text)
    LINES.append(line)
    sys.stderr.write(line + "\n")


class Trust(NamedTuple):
    """What a list of checksums must be: of this sha512, signed by one of these (ssh-keygen's
    allowed signers), not older than so many days."""

    sha512: str = ""
    signers: str = ""
    max_age_days: float = 0.0


class Redirects(urllib.request.HTTPRedirectHandler):
    """Refuses redirects from https to another scheme, which would bypass verified TLS."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> Optional[urllib.request.Request]:
        """urllib's hook."""
        if req.full_url.startswith("https:") and not newurl.startswith("https:"):
            raise OSError("%s: HTTP %d to %s is not followed" % (req.full_url, code, newurl))
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def read_vouched(place: str, name: str, trust: Trust) -> bytes:
    """The list of checksums of a place. OSError when it is not trusted."""
    pinned = bool(trust.sha512 or trust.signers)
    if place.startswith("http:") and not pinned:
        raise OSError("plain http is not authenticated: it needs --sha512 or --signers")
    data = get_bytes(place + "/" + name)
    if trust.sha512 and not fits_digest(data, trust.sha512):
        raise OSError("%s/%s does not have the checksum of --sha512" % (place, name))
    if trust.signers:
        verify_signature(data, get_bytes(place + "/" + name + ".sig"), trust.signers)
    return data


def verify_signature(data: bytes, signature: bytes, signers: str) -> None:
    """OSError unless one of the signers (ssh-keygen(1), ALLOWED SIGNERS) made this signature."""
    with tempfile.NamedTemporaryFile() as stream:
        stream.write(signature)
        stream.flush()
        principals = subprocess.run(
            ["ssh-keygen", "-Y", "find-principals", "-s", stream.name, "-f", signers],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            timeout=TIMEOUT_S,
        )
        name = principals.stdout.decode("utf-8", "replace").split("\n")[0].strip()
        if principals.returncode:
            raise OSError("the list of checksums has no signature of the signers in %s" % signers)
        done = subprocess.run(
            [
                "ssh-keygen",
                "-Y",
                "verify",
                "-s",
                stream.name,
                "-f",
                signers,
                "-I",
                name,
                "-n",
                "pilot",
            ],
            input=data,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=TIMEOUT_S,
        )
    if done.returncode:
        raise OSError(
            "the signature of the list of checksums is not valid: %s"
            % done.stdout.decode("utf-8", "replace").strip()[:200]
        )


def get_bytes(url: str) -> bytes:
    """The content of a URL or path, with verified TLS, a time limit and a size limit. Raises
    OSError."""
    if url.startswith("/"):
        url = "file://" + url
    elif url.startswith("file:") and not url.startswith("file://"):
        url = "file://" + url[len("file:"):]
    context = ssl.create_default_context()
    folder = os.environ.get("X509_CERT_DIR") or "/etc/grid-security/certificates"
    if os.path.isdir(folder):
        context.load_verify_locations(capath=folder)
    data, end = b"", time.monotonic() + FILE_S
    opener = urllib.request.build_opener(Redirects(), urllib.request.HTTPSHandler(context=context))
    with opener.open(url, timeout=TIMEOUT_S) as reply:  # a status of 400 or more is an OSError
        while True:
            part: bytes = reply.read1(BLOCK)
            data += part
            if not part:
                return data
            if len(data) > MOST_BYTES or time.monotonic() > end:
                raise OSError(
                    "%s is larger than %d bytes, or takes longer than %d s"
                    % (url, MOST_BYTES, FILE_S)
                )


def fits_digest(data: bytes, digest: str) -> bool:
    """Whether the data have this SHA-512 checksum."""
    return hashlib.sha512(data).hexdigest() == digest.lower()


def by_manifest(place: str, trust: Trust = Trust()) -> Dict[str, bytes]:
    """The files that a manifest names; the path of each contains its checksum."""
    manifest = json.loads(read_vouched(place, MANIFEST, trust).decode("utf-8"))
    age_days = (time.time() - float(manifest.get("made", 0))) / 86400
    if trust.max_age_days and age_days > trust.max_age_days:
        raise OSError(
            "%s: the manifest is %.0f days old, more than --max-age-days" % (place, age_days)
        )
    names = manifest["files"]
    files = {name: get_bytes("%s/files/%s" % (place, digest)) for name, digest in names.items()}
    wrong = [name for name, digest in names.items() if not fits_digest(files[name], digest)]
    if wrong:
        raise OSError("%s: %s does not match the manifest" % (place, ", ".join(wrong)))
    return files


def by_checksums(place: str, trust: Trust = Trust()) -> Dict[str, bytes]:
    """pilot.json and pilot.tar, as DIRAC publishes them."""
    if trust.max_age_days:
        raise OSError("%s: %s contains no date for --max-age-days" % (place, CHECKSUMS))
    text = read_vouched(place, CHECKSUMS, trust).decode("utf-8")
    sums = {
        line.split()[1]: line.split()[0] for line in text.splitlines() if len(line.split()) == 2
    }
    files = {name: get_bytes(place + "/" + name) for name in ("pilot.json", TAR)}
    wrong = [name for name, data in files.items() if not fits_digest(data, sums.get(name, ""))]
    if wrong:
        raise OSError(
            "%s: %s does not fit %s (an update under way?)" % (place, ", ".join(wrong), CHECKSUMS)
        )
    return files


def fetch_files(locations: List[str], trust: Trust = Trust()) -> Optional[Dict[str, bytes]]:
    """The files of the first place where they are complete and match."""
    for turn in range(TRIES):
        for place in [
            form for one in locations for form in (one.rstrip("/"), one.rstrip("/") + "/pilot")
        ]:
            for way in (by_manifest, by_checksums):
                try:
                    files = way(place, trust)
                    log_line("the pilot is from %s" % place)
                    return files
                except WRONG as error:
                    log_line("%s: %s" % (place, error))
        if turn < TRIES - 1:
            time.sleep(WAIT_S)
    return None


def unpack_tar(data: bytes, folder: str) -> None:
    """Write the regular files of a tar into the folder, without their directories."""
    path = os.path.join(folder, TAR)
    with open(path, "wb") as stream:
        stream.write(data)
    with tarfile.open(path) as archive:
        for member in archive.getmembers():
            name = os.path.basename(member.name)
            source = archive.extractfile(member) if member.isfile() and name else None
            if source is not None:
                with open(os.path.join(folder, name), "wb") as stream:
                    stream.write(source.read())


def prepare_folder(files: Dict[str, bytes], parent: str) -> str:
    """Write the files into a new folder; returns its path."""
    folder = tempfile.mkdtemp(prefix="DIRAC_", suffix="pilot", dir=parent)
    for name, data in files.items():
        if name == TAR:
            unpack_tar(data, folder)
        else:
            with open(os.path.join(folder, os.path.basename(name)), "wb") as stream:
                stream.write(data)
    return folder


def run_pilot(folder: str, words: List[str]) -> int:
    """Run the pilot in its folder, with our log on its standard input, then remove the folder. The
    pilot gets our signals; its exit code is ours, 128+n for one that signal n killed."""
    if not any(word.startswith("--pilotU") for word in words):
        words = words + ["--pilotUUID", os.environ.get("DIRAC_PILOT_STAMP") or str(uuid.uuid1())]
    passed_on = SignalsPassedOn()
    with open(os.path.join(folder, "wrapper.log"), "w+b") as log:
        log.write(("\n".join(LINES) + "\n").encode("utf-8", "backslashreplace"))
        log.flush()
        log.seek(0)
        pilot = subprocess.Popen(
            [sys.executable, PILOT] + words, cwd=folder, stdin=log, preexec_fn=end_with_parent
        )
    passed_on.begin(pilot)
    code = pilot.wait()
    shutil.rmtree(folder, ignore_errors=True)
    return code if code >= 0 else 128 - code


class SignalsPassedOn:
    """Passes our signals on to the pilot; those that come before it runs, as soon as it does."""

    def __init__(self) -> None:
        self._pilot: Optional["subprocess.Popen[bytes]"] = None
        self._early: List[int] = []
        for signum in PASSED_ON:
            if signal.getsignal(signum) != signal.SIG_IGN:
                signal.signal(signum, self._pass_on)

    def begin(self, pilot: "subprocess.Popen[bytes]") -> None:
        """The pilot runs from now on."""
        self._pilot = pilot
        for signum in self._early:
            pilot.send_signal(signum)

    def _pass_on(self, signum: int, frame: object) -> None:
        if self._pilot is None:
            self._early.append(signum)
        else:
            self._pilot.send_signal(signum)


def end_with_parent() -> None:
    """In the pilot, before its program: the kernel sends it SIGTERM when this process is killed."""
    try:
        ctypes.CDLL(None).prctl(1, int(signal.SIGTERM))  # PR_SET_PDEATHSIG
    except (OSError, AttributeError):  # no Linux
        pass


def make_parser() -> argparse.ArgumentParser:
    """The parser of the words before --; the words after it are the pilot's."""
    parser = argparse.ArgumentParser(description=str(__doc__).split("\n")[0])
    parser.add_argument(
        "--locations",
        required=True,
        help="where the pilot is published: URLs or folders, with commas",
    )
    parser.add_argument("--folder", default=".", help="where the pilot's folder is made")
    parser.add_argument(
        "--sha512",
        default="",
        metavar="HEX",
        help="the checksum of the manifest.json (or checksums.sha512) to take",
    )
    parser.add_argument(
        "--signers",
        default="",
        metavar="FILE",
        help="who may sign it (ssh-keygen -Y sign -n pilot makes NAME.sig)",
    )
    parser.add_argument(
        "--max-age-days",
        type=float,
        default=0.0,
        metavar="N",
        help="refuse a manifest that is older",
    )
    return parser


def main() -> int:
    """Fetch the pilot and run it; returns the exit code."""
    words, rest = sys.argv[1:], []  # type: List[str], List[str]
    if "--" in words:
        words, rest = words[:words.index("--")], words[words.index("--") + 1:]
    given = make_parser().parse_args(words)
    trust = Trust(given.sha512, given.signers, given.max_age_days)
    files = fetch_files(
        [place.strip() for place in given.locations.split(",") if place.strip()], trust
    )
    if files is None:
        log_line("no location has a complete pilot")
        return FAILED
    try:
        folder = prepare_folder(files, os.path.abspath(given.folder))
    except (OSError, tarfile.TarError) as error:
        log_line("the fetched files cannot be unpacked: %s" % error)
        return FAILED
    if not os.path.exists(os.path.join(folder, PILOT)):
        log_line("the fetched files contain no %s" % PILOT)
        return FAILED
    log_line("starting %s in %s" % (PILOT, folder))
    return run_pilot(folder, rest)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
