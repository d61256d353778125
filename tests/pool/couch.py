"""A CouchDB in the memory of a test: documents with revisions, the views of PiCaS, its clock in the
Date header."""

import email.utils
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from socketserver import ThreadingMixIn
from urllib.parse import parse_qs, unquote, urlsplit

from pilot.pool import sqlite_file

CONDITIONS = {
    "todo": lambda d: d["lock"] == 0 and d["done"] == 0,
    "locked": lambda d: d["lock"] > 0 and d["done"] == 0,
    "done": lambda d: d["lock"] > 0 and d["done"] > 0 and str(d["exit_code"]) == "0",
    "error": lambda d: d["lock"] > 0 and d["done"] > 0 and str(d["exit_code"]) != "0",
    "held": lambda d: d["lock"] < 0,
}


class Couch:
    """`documents` by id; `clock` gives the seconds since it was made; `fail` is a status to answer
    with."""

    def __init__(self):
        self.documents, self.databases, self.fail, self.lock = {}, set(), 0, threading.Lock()
        self.offset = time.time() - sqlite_file.monotonic_s()
        couch = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version, wbufsize, disable_nagle_algorithm = "HTTP/1.1", -1, True

            def reply(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                with couch.lock:
                    status, value = (
                        (couch.fail, {"reason": "told to fail"})
                        if couch.fail
                        else couch.answer(
                            self.command, self.path, json.loads(body.decode()) if body else None
                        )
                    )
                data = json.dumps(value).encode()
                self.send_response_only(status)
                self.send_header(
                    "Date",
                    email.utils.formatdate(couch.offset + sqlite_file.monotonic_s(), usegmt=True),
                )
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_PUT = do_POST = reply

            def log_message(self, *words):
                pass

        class Server(ThreadingMixIn, HTTPServer):
            daemon_threads = True

        self._server = Server(("127.0.0.1", 0), Handler)
        threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        ).start()
        self.url = "picas+http://user:hunter22@127.0.0.1:%d/tokens" % self._server.server_address[1]

    def close(self):
        self._server.shutdown()
        self._server.server_close()

    def answer(self, method, path, body):
        parts = urlsplit(path)
        names = [unquote(part) for part in parts.path.strip("/").split("/")]
        options = {
            key: value[0] if value[0][:1] not in '0123456789tf"[{' else json.loads(value[0])
            for key, value in parse_qs(parts.query).items()
        }
        if len(names) == 1:
            return self._database(method, names[0])
        if names[0] not in self.databases:
            return 404, {"error": "not_found", "reason": "no_db_file"}
        if "_view" in names:
            return 200, self._view(names[-1], options)
        if names[1] == "_all_docs":
            return 200, self._all(options, body)
        if names[1] == "_bulk_docs":
            return 201, [self._put(document) for document in body["docs"]]
        name = "/".join(names[1:])
        if method == "PUT":
            answer = self._put(dict(body, _id=name))
            return (409 if "error" in answer else 201), answer
        return (
            (200, self.documents[name])
            if name in self.documents
            else (404, {"error": "not_found", "reason": "missing"})
        )

    def _database(self, method, name):
        if method == "PUT":
            self.databases.add(name)
            return 201, {"ok": True}
        return (200, {"db_name": name}) if name in self.databases else (404, {"error": "not_found"})

    def _put(self, document):
        name, before = document["_id"], self.documents.get(document["_id"])
        if (before or {}).get("_rev") != document.get("_rev"):
            return {"id": name, "error": "conflict"}
        self.documents[name] = dict(
            document, _rev="%d-x" % (int((before or {"_rev": "0-x"})["_rev"].split("-")[0]) + 1)
        )
        return {"id": name, "ok": True, "rev": self.documents[name]["_rev"]}

    def _tokens(self):
        return [
            document
            for name, document in sorted(self.documents.items())
            if document.get("type") == "token"
        ]

    def _view(self, view, options):
        if view == "overview_total":
            return {
                "rows": [
                    {"key": state, "value": sum(map(CONDITIONS[state], self._tokens()))}
                    for state in ("done", "error", "locked", "todo")
                ]
            }
        rows = [
            {"id": document["_id"], "key": document["_id"], "doc": document}
            for document in self._tokens()
            if CONDITIONS[view](document)
        ]
        total = len(rows)
        return {"total_rows": total, "rows": self._cut(rows, options)}

    def _all(self, options, body):
        if body:
            return {
                "rows": [{"key": name, "doc": self.documents.get(name)} for name in body["keys"]]
            }
        return {
            "rows": self._cut(
                [
                    {"id": name, "key": name, "doc": document}
                    for name, document in sorted(self.documents.items())
                ],
                options,
            )
        }

    def _cut(self, rows, options):
        found = [
            row for row in rows if "startkey" not in options or row["key"] >= options["startkey"]
        ][options.get("skip", 0) :]
        return found[:options["limit"]] if "limit" in options else found
