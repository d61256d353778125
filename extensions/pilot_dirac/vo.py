"""Finds the virtual organisation of a pilot whose settings do not name it: in its proxy, or in its
WLCG token."""

import base64
import json
import os
import re
from typing import Dict

from pilot.base import credentials, process
from pilot.errors import ConfigurationFailed

VARIABLE = "DIRAC_PILOT_VO"
OPENSSL_S = 10.0
_FQAN = re.compile(r"/([A-Za-z0-9][A-Za-z0-9_.-]*)(?:/[\w.-]+)*/Role=")


def find_vo(environ: Dict[str, str]) -> str:
    """$DIRAC_PILOT_VO; else that of the first VOMS attribute in $X509_USER_PROXY; else of the first
    group in the bearer token that WLCG's rules find; "" when all of them are missing."""
    return (
        environ.get(VARIABLE) or of_proxy(environ.get("X509_USER_PROXY", "")) or of_token(environ)
    )


def of_proxy(path: str) -> str:
    """The VO of a proxy file. openssl reads a format that we cannot read. A folder with a host
    certificate has no VO."""
    if not os.path.isfile(path):
        return ""
    try:
        return credentials.read_proxy(path).vo or ""
    except ConfigurationFailed:
        result = process.run(
            ["openssl", "x509", "-noout", "-text", "-in", path], timeout_s=OPENSSL_S, ok=None
        )
        match = _FQAN.search(result.stdout)
        return match.group(1) if match else ""


def of_token(environ: Dict[str, str]) -> str:
    """The VO of a WLCG token: the first part of its first group (wlcg.groups of the WLCG token
    profile)."""
    try:
        token = credentials.bearer_token(environ) or ""
        claims = json.loads(_decode_token(token.split(".")[1]).decode("utf-8"))
        return str(claims["wlcg.groups"][0]).strip("/").split("/")[0]
    except (ConfigurationFailed, ValueError, LookupError, TypeError):  # no WLCG token
        return ""


def _decode_token(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
