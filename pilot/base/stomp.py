"""The part of STOMP 1.2 (stomp.github.io) that events need: connect, send with receipts, subscribe
with acknowledgements.

Works with RabbitMQ and ActiveMQ. A URL is stomp[+ssl]://[USER:PASSWORD@]HOST[:PORT]/QUEUE, where
QUEUE is the destination in the broker's notation, for example queue/pilots; ?host=VHOST names a
virtual host.
"""

import socket
import time
from typing import TYPE_CHECKING, Dict, NamedTuple, Optional, Tuple
from urllib.parse import parse_qs, unquote, urlsplit

from pilot.base import credentials

if TYPE_CHECKING:
    import ssl

MAX_FRAME = 16 << 20
PORTS = {"stomp": 61613, "stomp+ssl": 61614}
_ESCAPES = (("\\", "\\\\"), ("\r", "\\r"), ("\n", "\\n"), (":", "\\c"))


class StompError(Exception):
    """The broker cannot be reached or refuses a request; the message says why."""


class BrokerPlace(NamedTuple):
    """A destination on a broker."""

    secure: bool
    host: str
    port: int
    user: str
    password: str
    virtual_host: str
    destination: str

    @property
    def name(self) -> str:
        """The URL without the password, for messages."""
        return "stomp%s://%s:%d%s" % (
            "+ssl" if self.secure else "",
            self.host,
            self.port,
            self.destination,
        )


class Frame(NamedTuple):
    """One STOMP frame."""

    command: str
    headers: Dict[str, str]
    body: bytes


def parse_url(url: str) -> BrokerPlace:
    """Parse a URL. Raises ValueError with a message for the operator."""
    parts = urlsplit(url)
    try:
        port = parts.port or PORTS[parts.scheme]
    except (ValueError, KeyError):
        raise ValueError(
            "%s: is not stomp://HOST:PORT/QUEUE or stomp+ssl://HOST:PORT/QUEUE" % parts.scheme
        )
    if not parts.hostname or len(parts.path) < 2:
        raise ValueError("a stomp URL names a host and a queue: stomp+ssl://HOST:PORT/queue/NAME")
    if any(letter < " " for letter in unquote(url)):
        raise ValueError("a stomp URL holds no control characters")
    host = parse_qs(parts.query).get("host", ["/"])[0]
    return BrokerPlace(
        parts.scheme == "stomp+ssl",
        parts.hostname,
        port,
        unquote(parts.username or ""),
        unquote(parts.password or ""),
        host,
        unquote(parts.path),
    )


def frame_bytes(command: str, headers: Dict[str, str], body: bytes = b"") -> bytes:
    """The bytes of a frame, as sent over the network."""
    escaped = command not in ("CONNECT", "CONNECTED")
    lines = [
        "%s:%s" % (_escape_value(key), _escape_value(value)) if escaped else "%s:%s" % (key, value)
        for key, value in headers.items()
    ]
    return ("\n".join([command] + lines) + "\n\n").encode("utf-8") + body + b"\0"


def _escape_value(text: str) -> str:
    for plain, escaped in _ESCAPES:
        text = text.replace(plain, escaped)
    return text


def _unescape_value(text: str) -> str:
    parts = text.split("\\\\")
    for plain, escaped in _ESCAPES[1:]:
        parts = [part.replace(escaped, plain) for part in parts]
    return "\\".join(parts)


def cut_frame(data: bytes) -> Optional[Tuple[Frame, bytes]]:
    """The first complete frame and the bytes after it; None if it is not complete. Raises
    StompError for a frame that is too large."""
    data = data.lstrip(b"\r\n")  # heart-beats and line ends between frames
    head, found, rest = data.partition(b"\n\n")
    if not found:
        head, found, rest = data.partition(b"\r\n\r\n")
    if len(data) > MAX_FRAME:
        raise StompError("a frame of more than %d bytes" % MAX_FRAME)
    if not found:
        return None
    command, *lines = head.decode("utf-8", "replace").replace("\r\n", "\n").split("\n")
    headers: Dict[str, str] = {}
    for line in lines:
        key, _, value = line.partition(":")
        # the first of two headers with the same name counts
        headers.setdefault(_unescape_value(key), _unescape_value(value))
    length = headers.get("content-length", "")
    end = int(length) if length.isdigit() else rest.find(b"\0")
    if end < 0 or len(rest) <= end:
        return None
    return Frame(command, headers, rest[:end]), rest[end + 1:]


def _open_socket(
    where: BrokerPlace, context: "Optional[ssl.SSLContext]", timeout_s: float
) -> socket.socket:
    try:
        plain = socket.create_connection((where.host, where.port), timeout_s)
        try:
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if not where.secure:
                return plain
            tls: "ssl.SSLContext" = context or credentials.tls().create_default_context()
            return tls.wrap_socket(plain, server_hostname=where.host)
        except BaseException:
            plain.close()
            raise
    except (OSError, ValueError) as error:
        raise StompError("%s cannot be reached: %s" % (where.name, error))


class StompConnection:
    """One connection to a broker, for one thread. Raises StompError if the connection breaks."""

    def __init__(self, where: BrokerPlace, context: "Optional[ssl.SSLContext]", timeout_s: float) -> None:
        self._data, self._receipts = b"", 0
        self._socket = _open_socket(where, context, timeout_s)
        try:
            self._log_in(where, timeout_s)
        except BaseException:
            self.close()
            raise

    def _log_in(self, where: BrokerPlace, timeout_s: float) -> None:
        headers = {"accept-version": "1.2,1.1", "host": where.virtual_host, "heart-beat": "0,0"}
        if where.user:
            headers.update({"login": where.user, "passcode": where.password})
        self.write_frame("CONNECT", headers)
        hello = self.read_frame(timeout_s)
        if hello is None or hello.command != "CONNECTED":
            raise StompError(
                "%s refuses the connection: %s" % (where.name, _error_words(hello) if hello else "no answer")
            )

    def write_frame(self, command: str, headers: Dict[str, str], body: bytes = b"") -> None:
        """Send one frame. Raises StompError."""
        try:
            self._socket.sendall(frame_bytes(command, headers, body))
        except OSError as error:
            raise StompError("the connection to the broker was lost: %s" % error)

    def read_frame(self, timeout_s: float) -> Optional[Frame]:
        """The next frame; None if no frame arrives within `timeout_s`. Raises StompError."""
        deadline = time.monotonic() + timeout_s
        while True:
            found = cut_frame(self._data)
            if found is not None:
                frame, self._data = found
                return frame
            left = deadline - time.monotonic()
            if left <= 0:
                return None
            try:
                self._socket.settimeout(left)
                data = self._socket.recv(65536)
            except socket.timeout:
                return None
            except OSError as error:
                raise StompError("the connection to the broker was lost: %s" % error)
            if not data:
                raise StompError("the broker has closed the connection")
            self._data += data

    def send(self, destination: str, body: bytes, timeout_s: float) -> None:
        """Send a message; return when the broker confirms it with a receipt. Raises StompError."""
        self._receipts += 1
        receipt = "r%d" % self._receipts
        self.write_frame(
            "SEND",
            {
                "destination": destination,
                "content-type": "application/json",
                "content-length": str(len(body)),
                "persistent": "true",
                "receipt": receipt,
            },
            body,
        )
        answer = self.read_frame(timeout_s)
        while (
            answer is not None
            and answer.command == "RECEIPT"
            and answer.headers.get("receipt-id") != receipt
        ):
            answer = self.read_frame(timeout_s)
        if answer is None or answer.command != "RECEIPT":
            raise StompError(
                "the broker refuses the message: %s"
                % (_error_words(answer) if answer else "no receipt in %g s" % timeout_s)
            )

    def subscribe(self, destination: str, prefetch: int) -> None:
        """Subscribe to a queue: `read_frame` then returns its messages, and each needs an
        `answer_message`."""
        self.write_frame(
            "SUBSCRIBE",
            {
                "id": "0",
                "destination": destination,
                "ack": "client-individual",
                "prefetch-count": str(prefetch),
                "activemq.prefetchSize": str(prefetch),
                "durable": "true",
                "auto-delete": "false",
            },
        )

    def answer_message(self, message: Frame, good: bool) -> None:
        """Acknowledge a message that was processed (`good`), or reject it."""
        self.write_frame(
            "ACK" if good else "NACK",
            {
                "id": message.headers.get("ack") or message.headers.get("message-id", ""),
                "requeue": "false",
            },
        )

    def close(self) -> None:
        """Close the connection."""
        try:
            self._socket.close()
        except OSError:
            pass


def _error_words(frame: Frame) -> str:
    text = frame.body.decode("utf-8", "replace").strip()
    return ("%s: %s" % (frame.headers.get("message", frame.command), text)).strip(": \n")[:300]
