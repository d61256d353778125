"""Log servers of the tests: one behaves as TornadoPilotLogging's handler does, one as DiracX's
routes; both have bad days."""

import json
import re
import ssl
import threading
import urllib.parse
from http.server import BaseHTTPRequestHandler, HTTPServer
from socketserver import ThreadingMixIn

ID = "12345678-aaaa-bbbb-cccc-123456789012"  # of the pilot that tells
UUID = re.compile(r"^([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|[0-9a-z]{32})$")


class Threaded(ThreadingMixIn, HTTPServer):
    daemon_threads = True


class LogServer:
    """`mode`: ok, refusing (HTTP 500), lying ({"OK": false} with 200), slow (no answer until
    `release`), flapping (every second one fails)."""

    def __init__(self, grid=None):
        self.mode, self.logs, self.final, self.requests, self.seen = (
            "ok",
            {},
            {},
            [],
            threading.Event(),
        )
        self.release, self.failures, self.tokens = threading.Event(), 0, {"t1": 3600}
        self.exchanges, self.vacuum = [], False  # vacuum: it knows no pilot that names no place
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *words):
                pass

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
                status, found = outer.answer(self.path, body, self.headers)
                text = b"" if status == 204 else json.dumps(found).encode()
                try:
                    self.send_response(status)
                    self.send_header("Content-Length", str(len(text)))
                    self.end_headers()
                    self.wfile.write(text)
                except OSError:  # it has waited long enough
                    pass

        self.server = Threaded(("127.0.0.1", 0), Handler)
        if grid is not None:
            context = ssl.SSLContext(getattr(ssl, "PROTOCOL_TLS_SERVER", ssl.PROTOCOL_TLS))
            context.load_cert_chain(str(grid / "server.crt"), str(grid / "server.key"))
            context.load_verify_locations(str(grid / "ca.crt"))
            context.verify_mode = ssl.CERT_REQUIRED
            context.verify_flags |= 0x40
            self.server.socket = context.wrap_socket(
                self.server.socket, server_side=True, do_handshake_on_connect=False
            )
        self.url = "%s://localhost:%d" % (
            "http" if grid is None else "https",
            self.server.server_address[1],
        )
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.release.set()
        self.server.shutdown()
        self.server.server_close()

    def answer(self, path, body, headers):
        self.requests.append((path, body, dict(headers)))
        self.seen.set()
        if self.mode == "slow":
            self.release.wait(30)
        self.failures += self.mode == "flapping"
        if self.mode == "refusing" or self.mode == "flapping" and self.failures % 2:
            return 500, {"OK": False, "Message": "not today"}
        if self.mode == "lying":
            return 200, {"OK": False, "Message": "the plug-in failed"}
        return self.diracx(path, body, headers) if path.startswith("/api") else self.tornado(body)

    def tornado(self, body):
        fields = urllib.parse.parse_qs(body)
        payload, uuid, vo = json.loads(fields["args"][0])
        if not UUID.match(uuid):
            return 200, {"OK": False, "Message": "Pilot UUID is invalid"}
        if fields["method"] == ["finaliseLogs"]:
            self.final[uuid] = json.loads(payload)["retCode"]
        else:
            self.logs[(vo, uuid)] = self.logs.get((vo, uuid), "") + json.loads(payload)
        return 200, {"OK": True, "Value": ""}

    def diracx(self, path, body, headers):
        if path == "/api/auth/secret-exchange":
            asked = json.loads(body)
            self.exchanges.append(asked)
            good = asked["pilot_secret"] == "secret-of-pilot"
            if self.vacuum and asked.get("status") != "Running":
                good = False
            return (
                (
                    200,
                    {"access_token": "t1", "refresh_token": "r1", "expires_in": self.tokens["t1"]},
                )
                if good
                else (401, {"detail": "bad secret"})
            )
        if path == "/api/auth/token":
            return 200, {"access_token": "t2", "refresh_token": "r2", "expires_in": 3600}
        if path == "/api/pilots/legacy/message":
            if headers["Authorization"] not in ("Bearer t1", "Bearer t2"):
                return 401, {}
            found = json.loads(body)
            self.logs.setdefault(found["pilot_stamp"], []).extend(found["lines"])
            return 204, {}
        return (200, {}) if path.startswith("/api/auth/revoke") else (404, {})
