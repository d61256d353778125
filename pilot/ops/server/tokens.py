"""Tokens for four roles. The tokens file contains hashes of the operators' tokens. The tokens of
pilots are signed and not stored.

A pilot's token is `pilot1.CLAIMS.SIGNATURE`. Both parts are base64url (RFC 4648, 5) without
padding. The claims are a JSON object {"p": pilot id, "e": its end, "u": the end of its renewals},
with both times in UNIX seconds. The signature is HMAC-SHA256 (RFC 2104) over "pilot1.CLAIMS" with
the server's secret. A new secret invalidates all tokens of pilots.

A start token is `start1.CLAIMS.SIGNATURE`, with the claims {"p": prefix, "n": number of pilots, "e":
its end, "i": random digits}. It is good only to be exchanged for the tokens of so many pilots whose
ids begin with the prefix (pilot/ops/server/exchanges.py counts them).

Each line of the tokens file is one entry: `secret HEX` once, `ROLE NAME SHA256-OF-TOKEN` for
operators and factories, and `withdrawn PILOT` for each pilot whose tokens were withdrawn; with
`withdrawn PREFIX*` these are all pilots whose ids begin with PREFIX, and their start tokens.
"""

import base64
import hashlib
import hmac
import json
import os
import stat
import time
from typing import Dict, Iterable, List, NamedTuple, Optional

from pilot.base.pool_token import PREFIX, START, claims_of
from pilot.errors import UsageError

ROLES = ("admin", "factory", "pilot", "reader")
STARTER = "start"  # the role of a start token: it may only be exchanged
LIFE_S = 6 * 3600.0
RENEWABLE_S = 14 * 86400.0
MAX_CACHE = 20000


class Identity(NamedTuple):
    """The sender of a request. The `name` of a pilot is its id, that of a start token the prefix of
    the ids of its `pilots`. `until` is UNIX time, or 0 for no end."""

    role: str
    name: str
    until: float = 0.0
    pilots: int = 0


class BadToken(Exception):
    """The token is not valid. The message gives the reason."""


# without a tokens file (on loopback only) every client has all rights
LOCAL = Identity("admin", "local")


def _encode_base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def sign_token(secret: bytes, pilot: str, end: float, renewable_until: float) -> str:
    """Return a signed token for a pilot."""
    return _sign_claims(secret, PREFIX, {"p": pilot, "e": int(end), "u": int(renewable_until)})


def _sign_claims(secret: bytes, kind: str, claims: Dict[str, object]) -> str:
    head = "%s.%s" % (kind, _encode_base64(json.dumps(claims).encode("ascii")))
    return "%s.%s" % (head, _sign_head(secret, head))


def _sign_head(secret: bytes, head: str) -> str:
    return _encode_base64(hmac.new(secret, head.encode("ascii"), hashlib.sha256).digest())


class Keyring:
    """The tokens file in memory. It checks tokens and issues the tokens of pilots."""

    def __init__(
        self,
        secret: bytes,
        operators: Dict[str, Identity],
        withdrawn: Iterable[str] = (),
        path: str = "",
    ) -> None:
        self._secret, self._operators, self._withdrawn, self._path = (
            secret,
            operators,
            set(withdrawn),
            path,
        )
        self._prefixes = tuple(name[:-1] for name in self._withdrawn if name.endswith("*"))
        self._seen: Dict[str, Identity] = {}

    def identify(self, token: str) -> Identity:
        """Return the owner of this token. Raises BadToken."""
        who = self._seen.get(token)
        if who is None:
            who = self._identify_pilot(token)
            if len(self._seen) >= MAX_CACHE:
                self._seen.clear()
            self._seen[token] = who
        if who.until:
            self._check_valid(who)
        return who

    def _check_valid(self, who: Identity) -> None:
        whose = "start token of" if who.role == STARTER else "token of pilot"
        if who.name in self._withdrawn or who.name.startswith(self._prefixes):
            raise BadToken("the %s %s was withdrawn" % (whose, who.name))
        if time.time() > who.until:
            raise BadToken("the %s %s has expired" % (whose, who.name))

    def _identify_pilot(self, token: str) -> Identity:
        if not token.startswith((PREFIX + ".", START + ".")):
            operator = self._operators.get(
                hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()
            )
            if operator is None:
                raise BadToken("this server does not know the token")
            return operator
        claims = self._read_claims(token)
        role = STARTER if token.startswith(START) else "pilot"
        count = int(_read_time(claims, "n")) if role == STARTER else 0
        return Identity(role, str(claims["p"]), _read_time(claims, "e"), count)

    def _read_claims(self, token: str) -> Dict[str, object]:
        head, _, signature = token.rpartition(".")
        if not hmac.compare_digest(
            signature.encode("utf-8", "replace"),
            _sign_head(self._secret, head.encode("ascii", "replace").decode("ascii")).encode(
                "ascii"
            ),
        ):
            raise BadToken("the token was not signed by this server")
        return claims_of(token)

    def mint(self, pilot: str, seconds: float = LIFE_S) -> str:
        """Return a new token for this pilot."""
        now = time.time()
        return sign_token(self._secret, pilot, now + seconds, now + max(seconds, RENEWABLE_S))

    def start_token(self, prefix: str, pilots: int, seconds: float) -> str:
        """Return a token that so many pilots with this prefix can exchange for their own."""
        claims = {"p": prefix, "n": pilots, "e": int(time.time() + seconds), "i": os.urandom(6).hex()}
        return _sign_claims(self._secret, START, claims)

    def withdraw(self, pilot: str) -> None:
        """Invalidate the current and later tokens of this pilot, or of all whose ids begin with what
        stands before a `*`, and store that in the file. OSError if the file cannot be written.
        ValueError if this is not the id of a pilot."""
        if pilot.strip("*") == "" or not pilot.isprintable() or set(pilot) & set(" #"):
            raise ValueError("%r is no pilot's id" % pilot)
        if pilot not in self._withdrawn and self._path:
            descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
            with open(descriptor, "w", encoding="utf-8") as stream:
                stream.write("%swithdrawn %s\n" % (_line_end(self._path), pilot))
        self._withdrawn.add(pilot)
        if pilot.endswith("*"):
            self._prefixes += (pilot[:-1],)

    def renew(self, token: str, seconds: float = LIFE_S) -> str:
        """Return a new token for a pilot whose token is still valid, up to RENEWABLE_S after the
        first token. Raises BadToken."""
        who = self.identify(token)
        if who.role != "pilot":
            raise BadToken("only a pilot's token can be renewed")
        last = _read_time(self._read_claims(token), "u")
        if time.time() >= last:
            raise BadToken("the token of pilot %s has reached its maximum age" % who.name)
        return sign_token(self._secret, who.name, min(time.time() + seconds, last), last)


def _read_time(claims: Dict[str, object], name: str) -> float:
    value = claims.get(name)
    if not isinstance(value, (int, float)):
        raise BadToken("the token's claims have no time %r" % name)
    return float(value)


def _is_secret(word: str) -> bool:
    return len(word) >= 32 and not word.strip("0123456789abcdef")


def read_keyring(path: str) -> Keyring:
    """Return the keyring of a tokens file. UsageError with one sentence for each mistake."""
    try:
        mode = os.stat(path).st_mode
        with open(path, encoding="utf-8") as stream:
            lines = stream.read().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            "--tokens %s: cannot be read: %s; `python3 -m pilot.pool token FILE ROLE NAME` makes one"
            % (path, error)
        )
    if stat.S_IMODE(mode) & 0o077:
        raise UsageError("--tokens %s: other users can read it; run chmod 600" % path)
    secret: Optional[bytes] = None
    operators: Dict[str, Identity] = {}
    withdrawn: List[str] = []
    problems: List[str] = []
    for number, line in enumerate(lines, 1):
        words = line.split("#")[0].split()
        if not words:
            continue
        if words[0] == "secret" and len(words) == 2 and _is_secret(words[1]):
            secret = words[1].encode("ascii")
        elif len(words) == 3 and words[0] in ROLES and words[0] != "pilot" and len(words[2]) == 64:
            operators[words[2]] = Identity(words[0], words[1])
        elif len(words) == 2 and words[0] == "withdrawn":
            withdrawn.append(words[1])
        else:
            problems.append(
                "--tokens %s, line %d: must be `secret HEX`, `ROLE NAME SHA256` or `withdrawn PILOT`"
                % (path, number)
            )
    if secret is None:
        problems.append("--tokens %s: has no line `secret HEX`" % path)
    if problems or secret is None:
        raise UsageError(*problems)
    return Keyring(secret, operators, withdrawn, path)


def _has_secret(path: str) -> bool:
    if not os.path.exists(path):
        return False
    with open(path, encoding="utf-8", errors="replace") as stream:
        return any(line.split()[:1] == ["secret"] for line in stream)


def _read_names(path: str) -> List[str]:
    with open(path, encoding="utf-8", errors="replace") as stream:
        return [line.split()[1] for line in stream if len(line.split()) == 3]


def _line_end(path: str) -> str:
    """Return the line feed that the last line of the file lacks, or "" if it has one."""
    with open(path, encoding="utf-8", errors="replace") as stream:
        return "" if stream.read().endswith("\n") else "\n"


def add_token(path: str, role: str, name: str) -> str:
    """Make a token for an operator or a factory and add its hash to the file. Create the file if it
    is missing. Return the token."""
    if role not in ROLES or role == "pilot":
        raise UsageError(
            "%r: a token in the file is for admin, factory or reader; pilots' are minted by the server"
            % role
        )
    if not name or not all(letter.isalnum() or letter in "._@-" for letter in name):
        raise UsageError("%r: a name consists of letters, digits and ._@-" % name)
    token = os.urandom(24).hex()
    try:
        if os.path.exists(path) and name in _read_names(path):
            raise UsageError(
                "%s: %s has a token already; delete that line first, or choose another name"
                % (path, name)
            )
        lines = _line_end(path) if _has_secret(path) else "secret %s\n" % os.urandom(32).hex()
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        with open(descriptor, "w") as stream:
            stream.write(
                "%s%s %s %s\n"
                % (lines, role, name, hashlib.sha256(token.encode("ascii")).hexdigest())
            )
    except OSError as error:
        raise UsageError("%s cannot be written: %s" % (path, error.strerror))
    return token
