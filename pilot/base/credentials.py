"""Finds X.509 proxies and WLCG bearer tokens, reads the VO and the end of validity, creates TLS
contexts."""

import base64
import os
import re
import stat
from typing import TYPE_CHECKING, Dict, List, NamedTuple, Optional

from pilot.base import der
from pilot.errors import ConfigurationFailed

if TYPE_CHECKING:
    import ssl
    from types import ModuleType

CA_FOLDERS = (
    "/etc/grid-security/certificates",
    "/cvmfs/grid.cern.ch/etc/grid-security/certificates",
)
# FQANs inside the attribute certificate of a VOMS proxy
VOMS_ATTRIBUTES = "1.3.6.1.4.1.8005.100.100.4"
_PEM = re.compile(b"-----BEGIN CERTIFICATE-----(.*?)-----END CERTIFICATE-----", re.S)
_TOKEN = re.compile(r"[A-Za-z0-9\-._~+/]+=*\Z")  # b64token of RFC 6750, 2.1
_BLANKS = " \t\n\v\f\r"


class X509Proxy(NamedTuple):
    """A proxy or certificate file. `not_after` is the earliest expiry of a certificate in the
    chain, in UNIX seconds."""

    path: str
    not_after: float
    fqans: List[str]

    @property
    def vo(self) -> Optional[str]:
        """The VO of the first FQAN, /vo.example.org/group/Role=x; None without VOMS attributes."""
        return self.fqans[0].split("/")[1] if self.fqans else None

    def left_s(self, now: float) -> float:
        """Seconds until it expires; negative after that."""
        return self.not_after - now


def proxy_path(environ: Dict[str, str], uid: Optional[int] = None) -> Optional[str]:
    """$X509_USER_PROXY, else /tmp/x509up_u<uid>; None when there is no such file."""
    path = environ.get("X509_USER_PROXY") or "/tmp/x509up_u%d" % (
        os.geteuid() if uid is None else uid
    )
    return path if os.path.isfile(path) else None


def read_proxy(path: str) -> X509Proxy:
    """Read expiry and FQANs of a PEM file without openssl. Raises ConfigurationFailed if the file
    cannot be read or holds no certificate."""
    try:
        with open(path, "rb") as stream:
            return parsed_proxy(stream.read(), path)
    except OSError as error:
        raise ConfigurationFailed("proxy %s: cannot be read: %s" % (path, error.strerror))


def parsed_proxy(text: bytes, path: str) -> X509Proxy:
    """Parse a PEM text; `path` names its file in error messages."""
    try:
        chain = [der_node(block) for block in _PEM.findall(text)]
        if not chain:
            raise ValueError("it holds no certificate")
        return X509Proxy(path, min(not_after(node) for node in chain), fqans(chain))
    except (ValueError, IndexError) as error:
        raise ConfigurationFailed("proxy %s: %s" % (path, error))


def der_node(base64_text: bytes) -> der.Node:
    """The certificate in the base64 lines of a PEM block."""
    for node in der.nodes(base64.b64decode(base64_text)):
        return node
    raise ValueError("an empty certificate")


def not_after(certificate: der.Node) -> float:
    """The end of a certificate's validity in UNIX seconds (RFC 5280, 4.1)."""
    fields = certificate.children()[0].children()
    start = 1 if fields[0].tag == 0xA0 else 0  # [0] version is optional
    return der.moment(fields[start + 3].children()[1])


def fqans(chain: List[der.Node]) -> List[str]:
    """The VOMS attributes of the first certificate that has any."""
    for certificate in chain:
        names = [name for extension in _extensions(certificate) for name in _fqans_in(extension)]
        if names:
            return names
    return []


def _extensions(certificate: der.Node) -> List[der.Node]:
    """The contents of all extensions; each is an OCTET STRING that contains DER."""
    certificates = []
    for field in certificate.children()[0].children():
        if field.tag == 0xA3:
            for extension in field.children()[0].children():
                octets = [part for part in extension.children() if part.tag == der.OCTETS]
                certificates += octets
    return certificates


def _fqans_in(extension: der.Node) -> List[str]:
    try:
        roots = list(der.nodes(extension.content))
    except ValueError:
        return []
    names = []
    for root in roots:
        for attribute in _safe_find(root):
            names += [text for text in _octet_texts(attribute) if text.startswith("/")]
    return names


def _safe_find(root: der.Node) -> List[der.Node]:
    try:
        return list(der.find(root, VOMS_ATTRIBUTES))
    except ValueError:
        return []


def _octet_texts(node: der.Node) -> List[str]:
    if node.tag == der.OCTETS:
        return [node.content.decode("utf-8", "replace")]
    return (
        [text for child in node.children() for text in _octet_texts(child)]
        if node.tag & 0x20
        else []
    )


def bearer_token(
    environ: Dict[str, str], uid: Optional[int] = None, folder: str = "/tmp"
) -> Optional[str]:
    """Find the token by the WLCG discovery rules (zenodo 3937438), at each call; None without one.

    The places are $BEARER_TOKEN, the file $BEARER_TOKEN_FILE, $XDG_RUNTIME_DIR/bt_u<uid> and
    /tmp/bt_u<uid>. An empty token is ignored; an invalid one ends the search with
    ConfigurationFailed. Any user can create the last file, so it counts only if we own it and
    nobody else can write it.
    """
    name = "bt_u%d" % (os.geteuid() if uid is None else uid)
    runtime = environ.get("XDG_RUNTIME_DIR")
    places = [("$BEARER_TOKEN", environ.get("BEARER_TOKEN"))]
    for path in (
        environ.get("BEARER_TOKEN_FILE"),
        os.path.join(runtime, name) if runtime else None,
    ):
        places.append((path or "", _content(path)))
    shared = os.path.join(folder, name)
    places.append((shared, _content(shared) if _is_private(shared) else None))
    for place, text in places:
        token = (text or "").strip(_BLANKS)
        if token and not _TOKEN.match(token):
            raise ConfigurationFailed("the bearer token of %s is no valid token (RFC 6750)" % place)
        if token:
            return token
    return None


def _is_private(path: str) -> bool:
    """Whether this is a regular file that we own and only we can write."""
    try:
        state = os.lstat(path)
    except OSError:
        return False
    return (
        stat.S_ISREG(state.st_mode) and state.st_uid == os.geteuid() and not state.st_mode & 0o022
    )


def _content(path: Optional[str]) -> Optional[str]:
    try:
        with open(path or "", encoding="utf-8", errors="replace") as stream:
            return stream.read(1 << 16)
    except OSError:
        return None


def ca_folder(environ: Dict[str, str]) -> Optional[str]:
    """$X509_CERT_DIR, else the first common folder of grid CAs that exists; None without one."""
    given = environ.get("X509_CERT_DIR")
    return next((path for path in ((given,) if given else CA_FOLDERS) if os.path.isdir(path)), None)


def tls() -> "ModuleType":
    """The ssl module, loaded on demand: the import takes 10 ms. Raises ImportError if Python was
    built without it.

    _ssl is imported first: while the import of ssl fails in one thread, another thread could use
    the incomplete module.
    """
    import _ssl  # noqa: F401
    import ssl

    return ssl


def tls_context(environ: Dict[str, str], proxy: Optional[str] = None) -> "ssl.SSLContext":
    """A context that verifies servers with the CAs of the system and of the grid, and presents
    the proxy, if given.

    An RFC 3820 proxy file (certificate, key, chain) needs no conversion. Raises
    ConfigurationFailed if the file cannot be loaded.
    """
    library = tls()
    context: "ssl.SSLContext" = library.create_default_context()
    folder = ca_folder(environ)
    if folder:
        context.load_verify_locations(capath=folder)
        # Python 3.13 sets this flag, but certificates of older grid CAs break its rules
        context.verify_flags &= ~getattr(library, "VERIFY_X509_STRICT", 0)
    if proxy:
        try:
            context.load_cert_chain(proxy)
        except OSError as error:
            raise ConfigurationFailed("proxy %s: cannot be used for TLS: %s" % (proxy, error))
    return context
