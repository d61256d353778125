"""The site's probes are run, and their results are PUT."""

import json
import os
import ssl
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

from tests.conftest import extension

NagiosProbes = extension("pilot_dirac.nagios_probes").NagiosProbes


def test_probes_are_run_and_none_ends_the_pilot(pilot, client, tmp_path):
    work = tmp_path / "work"
    work.mkdir()
    (work / "probe1").write_text("#!/bin/sh\necho 'all is well | load=1'\n")
    (work / "probe2").write_text("#!/bin/sh\necho bad; exit 2\n")
    (work / "pilot.json").write_text(
        json.dumps(
            {"ConfigurationServers": [], "Defaults": {"Pilot": {"NagiosProbes": "probe1, probe2"}}}
        )
    )
    ended = pilot("-E", "dirac", "-F", work / "pilot.json", "-X", "NagiosProbes")
    assert ended.code == 0
    assert "probe2 CRITICAL" in ended.out
    assert [row["state"] for row in ended.report["facts"]["Probes"]["results"]] == [
        "OK",
        "CRITICAL",
    ]


def test_a_probes_result_is_put_with_the_proxy(pilot, tmp_path, grid):
    got = []

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *words):
            pass

        def do_PUT(self):
            got.append(
                (
                    self.path,
                    self.rfile.read(int(self.headers["Content-Length"])).decode(),
                    self.connection.getpeercert()["subject"],
                )
            )
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

    server = HTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(getattr(ssl, "PROTOCOL_TLS_SERVER", ssl.PROTOCOL_TLS))
    context.load_cert_chain(str(grid / "server.crt"), str(grid / "server.key"))
    context.load_verify_locations(str(grid / "ca.crt"))
    context.verify_mode, context.verify_flags = ssl.CERT_REQUIRED, context.verify_flags | 0x40
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "probe1").write_text("#!/bin/sh\necho 'a warning'; exit 1\n")
    (tmp_path / "work" / "probe2").write_text("#!/bin/sh\nsleep 60\n")
    ended = pilot(
        "-E",
        "dirac",
        "-N",
        "ce",
        "-X",
        "NagiosProbes",
        "--probes",
        "probe1,probe2",
        "--probe-timeout-s",
        "1",
        "--nagios-put-url",
        "https://localhost:%d/x" % server.server_address[1],
        env=dict(
            os.environ, X509_CERT_DIR=str(grid / "cas"), X509_USER_PROXY=str(grid / "long.pem")
        ),
    )
    server.shutdown()
    server.server_close()
    assert ended.code == 0, ended.out
    assert [one[0] for one in got] == ["/x/ce/probe1", "/x/ce/probe2"], ended.out
    assert got[0][1].split()[0] == "1"
    assert got[0][1].endswith("\na warning")
    assert got[1][1].split()[0] == "3"
    assert "4711" in str(got[0][2])


def test_without_probes_nothing_is_run(step):
    outcome = step(NagiosProbes).outcome
    assert (outcome.status, outcome.reason) == ("skipped", "pilot.json names no probes")


def test_a_server_that_takes_no_result_costs_no_pilot(step, tmp_path, caplog):
    (tmp_path / "probe1").write_text("#!/bin/sh\necho well\n")
    settings = {"probes": "probe1", "nagios_put_url": "file://%s/none" % tmp_path}
    assert step(NagiosProbes, settings).outcome.status == "ok"
    assert "the result of probe1 could not be PUT: " in caplog.text
