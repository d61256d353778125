#!/usr/bin/env python3
"""documents.py PORT : what DIRAC's JobStateUpdate asks of OpenSearch (indices, documents by id), in
memory; loopback only"""
import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

INDICES, DOCUMENTS = set(), {}
INFO = {
    "name": "ci",
    "cluster_name": "ci",
    "version": {"number": "2.11.0", "distribution": "opensearch"},
    "tagline": "documents",
}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *words):
        pass

    def answer(self, status, found=None):
        text = json.dumps({} if found is None else found).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(text)

    def handle_any(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = [part for part in self.path.split("?")[0].split("/") if part]
        data = json.loads(body) if body and self.command in ("PUT", "POST") else {}
        if not parts:
            self.answer(200, INFO)
        elif parts[0] == "_index_template":
            self.answer(200, {"acknowledged": True})
        elif parts[-1] == "_search":
            self.answer(200, {"hits": {"hits": [], "total": {"value": 0}}})
        elif parts[0] == "_mget":
            keys = [(one["_index"], one["_id"]) for one in data["docs"]]
            self.answer(
                200,
                {
                    "docs": [
                        dict(
                            zip(("_index", "_id"), key),
                            found=key in DOCUMENTS,
                            _source=DOCUMENTS.get(key, {}),
                        )
                        for key in keys
                    ]
                },
            )
        elif len(parts) == 1:
            self.index(parts[0])
        else:
            self.document((parts[0], parts[-1]), parts[1], data)

    def index(self, name):
        if self.command == "PUT":
            INDICES.add(name)
        self.answer(200 if name in INDICES else 404, {"acknowledged": True})

    def document(self, key, kind, data):
        if kind == "_update":
            DOCUMENTS.setdefault(key, {}).update(data.get("doc", {}))
        elif self.command in ("PUT", "POST"):
            DOCUMENTS[key] = data
        found = key in DOCUMENTS
        self.answer(
            200 if found else 404,
            {
                "_index": key[0],
                "_id": key[1],
                "found": found,
                "result": "updated",
                "_source": DOCUMENTS.get(key, {}),
            },
        )

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = handle_any


ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
