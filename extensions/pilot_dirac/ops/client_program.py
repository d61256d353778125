"""Any program of a recording client (client.py): it writes down what it received, and answers as DIRAC
9.1.22's program of its name does, or runs that."""

import argparse
import importlib.util
import json
import os
import signal
import sys
from typing import Any, Dict, List

CALLS, ANSWERS, HANGING = "calls.jsonl", "answers.json", "hanging"
POWER = "20.0"  # HS06
SKIPS = {"skip_cas": "SkipCADownload", "skip_voms": "SkipVOMSDownload", "skip_checks": "SkipCAChecks"}
NO_SITE = "DIRAC.Client.local"  # dirac-configure's name of a site that it was not told


def main() -> int:
    """Record, answer; returns the exit code."""
    folder, name = os.path.split(os.path.abspath(sys.argv.pop(1)))
    call = [name, sys.argv[1:], os.getcwd(), dict(os.environ)]
    with open(os.path.join(folder, CALLS), "a") as stream:
        stream.write(json.dumps(call) + "\n")
    with open(os.path.join(folder, ANSWERS)) as stream:
        answers = json.load(stream)
    if answers.get("rc"):  # a real client
        words = ["bash", "-c", '. "$0" && exec "$@"', answers["rc"], name] + sys.argv[1:]
        os.execvp("bash", words)
    answer = answers.get(name, {})
    sys.stdout.write(answer.get("out", ""))
    sys.stderr.write(answer.get("err", ""))
    sys.stdout.flush()
    if answer.get("hangs"):
        _hang(folder, answer["hangs"] == "for good")
    if not answer.get("code") and name in PROGRAMS:
        PROGRAMS[name](sys.argv[1:])
    if name == "python3":
        os.execv(sys.executable, [sys.executable] + sys.argv[1:])
    return int(answer.get("code", 0))


def _hang(folder: str, for_good: bool) -> None:
    if for_good:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    path = os.path.join(folder, HANGING)
    with open(path + ".new", "w") as stream:
        stream.write(str(os.getpid()))
    os.rename(path + ".new", path)
    while True:
        signal.pause()


def configure(words: List[str]) -> None:
    """dirac-configure: $DIRACSYSCONFIG and the files named, then the options, into the file of -O."""
    given = _parse_words(words)
    former = [os.environ.get("DIRACSYSCONFIG", "")] + given.cfg + given.files
    cfg = _import_cfg()
    root: Dict[str, Any] = {}
    for path in former:
        if path and os.path.exists(path):
            with open(path) as stream:
                merge(root, cfg.parse_cfg(stream.read()))
    options = {"/LocalInstallation/" + name: "True" for key, name in SKIPS.items() if getattr(given, key)}
    if given.server_certificate:
        options["/LocalInstallation/UseServerCertificate"] = "True"
    options.update(_named_options(given, cfg.get_option(root, "/LocalInstallation/Gateway")))
    for text in given.option:
        path, _, value = text.partition("=")
        options[path.strip()] = value.strip()
    cfg.set_option(root, {path: text for path, text in options.items() if path.startswith("/")})
    with open(given.output, "w") as stream:
        stream.write(cfg.render_cfg(root))


def _parse_words(words: List[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(add_help=False)
    for letter in "SCeWnN":
        parser.add_argument("-" + letter, default="")
    parser.add_argument("-o", dest="option", action="append", default=[])
    parser.add_argument("-O", dest="output", default="pilot.cfg")
    parser.add_argument("--cfg", action="append", default=[])
    parser.add_argument("--UseServerCertificate", dest="server_certificate", action="store_true")
    for letter, name in zip("DMHF", list(SKIPS) + ["force"]):
        parser.add_argument("-" + letter, dest=name, action="store_true")
    parser.add_argument("-d", action="count")
    parser.add_argument("files", nargs="*")
    return parser.parse_args(words)


def _named_options(given: argparse.Namespace, gateway: str) -> Dict[str, str]:
    servers, gateway = given.C, given.W or gateway
    if given.W:
        servers = given.W + "/Configuration/Server"
    found = {
        "/LocalInstallation/Setup": given.S,
        "/DIRAC/Setup": given.S,
        "/LocalInstallation/ConfigurationServer": servers,
        "/DIRAC/Configuration/Servers": servers,
        "/LocalInstallation/Extensions": given.e,
        "/DIRAC/Extensions": given.e,
        "/LocalInstallation/Gateway": given.W,
        "/LocalInstallation/SiteName": given.n,
        "/LocalSite/Site": given.n,
        "/LocalInstallation/CEName": given.N,
        "/LocalSite/GridCE": given.N,
    }
    if gateway and (given.W or given.n):
        found["/DIRAC/Gateways/" + (given.n or NO_SITE)] = gateway
    return {path: text for path, text in found.items() if text}


def merge(section: Dict[str, Any], more: Dict[str, Any]) -> None:
    """Put the sections and values of another file into this one's."""
    for name, value in more.items():
        if isinstance(value, dict) and isinstance(section.get(name), dict):
            merge(section[name], value)
        else:
            section[name] = value


def normalize(words: List[str]) -> None:
    """dirac-wms-cpu-normalization: with -U the power goes into the file of -R."""
    if "-U" not in words or "-R" not in words:
        return
    path, cfg = words[words.index("-R") + 1], _import_cfg()
    cfg.update_file(path, {"/LocalSite/CPUNormalizationFactor": POWER})


def _import_cfg() -> Any:
    """cfg.py alone: the package's other modules need time."""
    path = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "cfg.py")
    spec = importlib.util.spec_from_file_location("cfg", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


PROGRAMS = {"dirac-configure": configure, "dirac-wms-cpu-normalization": normalize}

if __name__ == "__main__":
    sys.exit(main())
