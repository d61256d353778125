"""The credentials that move a task's files: those of the payload's owner, never the pilot's tokens.

A task may name its own in `env`; otherwise the operator sets the token of each host
(--transfer-tokens) and the owner's proxy (--transfer-proxy). The agent sends a token only to its
hosts, and only by https or the grid's tools.
"""

import fnmatch
import os
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Tuple
from urllib.parse import urlsplit

from pilot.base import credentials
from pilot.errors import StepFailed
from pilot.engine.settings import Settings

TOKEN, TOKEN_FILE, PROXY = "BEARER_TOKEN", "BEARER_TOKEN_FILE", "X509_USER_PROXY"
# variables of a task's env that the transfer programs get; any other (PATH, LD_PRELOAD) would let
# the task break out of its isolation
OF_TASK = (
    TOKEN,
    TOKEN_FILE,
    PROXY,
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
)


def of_task(spec: Mapping[str, Any]) -> Dict[str, str]:
    """The credentials that a task names itself."""
    return {name: value for name, value in (spec.get("env") or {}).items() if name in OF_TASK}


def read_options(settings: Settings) -> Tuple[List[List[str]], str]:
    """The credentials that the options name: [host glob, token file] each, and the proxy or ""."""
    tokens = [[host, os.path.abspath(path)] for host, path in settings["transfer_tokens"].items()]
    proxy = os.path.abspath(settings["transfer_proxy"]) if settings["transfer_proxy"] else ""
    return tokens, proxy


def find_problems(settings: Settings) -> List[str]:
    """A sentence for each of these files that does not exist."""
    tokens, proxy = read_options(settings)
    missing = [
        "--transfer-tokens: there is no file %s" % path
        for _, path in tokens
        if not os.path.isfile(path)
    ]
    return missing + [
        "--transfer-proxy: there is no file %s" % path
        for path in [proxy]
        if path and not os.path.isfile(path)
    ]


class Owner(NamedTuple):
    """The owner of the files: the variables for the tools, [host glob, token file] in order, and
    the owner's proxy ("" without one)."""

    environ: Dict[str, str]
    tokens: List[List[str]]
    proxy: str

    def for_tool(self, url: str) -> Dict[str, str]:
        """The environment of a program that copies to or from this URL."""
        path = self._token_file(url)
        own = TOKEN in self.environ or TOKEN_FILE in self.environ
        return dict(self.environ, **{TOKEN_FILE: path}) if path and not own else self.environ

    def headers(self, url: str) -> Dict[str, str]:
        """Authorization for an https URL whose host has a token; empty for other URLs. StepFailed
        when the token cannot be read."""
        if urlsplit(url).scheme != "https":
            return {}
        token = self.environ.get(TOKEN) or _read_token(
            self.environ.get(TOKEN_FILE) or self._token_file(url)
        )
        return {"Authorization": "Bearer " + token} if token else {}

    def tls(self, url: str) -> Any:
        """A TLS context that also trusts the grid's CAs and presents the owner's proxy; None for a
        URL that is not https. ConfigurationFailed as tls_context."""
        if urlsplit(url).scheme != "https":
            return None
        return credentials.tls_context(self.environ, self.proxy or None)

    def _token_file(self, url: str) -> Optional[str]:
        host = (urlsplit(url).hostname or "").lower()
        return next(
            (path for glob, path in self.tokens if fnmatch.fnmatchcase(host, glob.lower())), None
        )


def _read_token(path: Optional[str]) -> str:
    if not path:
        return ""
    token = credentials.bearer_token({TOKEN_FILE: path}, folder=os.devnull)
    if not token:
        raise StepFailed(
            "the token file %s of the payload's owner is empty, or cannot be read" % path
        )
    return token
