"""A pool server as a child process, for tests."""

import os
import signal
import subprocess
import sys

from tests.conftest import ROOT


class Served:
    """`url` is where it listens; `stop` ends it well, `kill` at once, `start` again at the same
    port."""

    def __init__(self, folder, *words, **environ):
        self.folder, self.words, self.environ = folder, words, environ
        self.listen, self.url, self.child = "127.0.0.1:0", "", None
        self.start()

    def start(self):
        log = open(str(self.folder / "server.log"), "ab")
        self.child = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "pilot.pool",
                "serve",
                "sqlite:%s/pool.sqlite" % self.folder,
                "--create",
                "--listen",
                self.listen,
            ]
            + list(self.words),
            stdout=subprocess.PIPE,
            stderr=log,
            cwd=str(ROOT),
            env=dict(os.environ, **self.environ),
        )
        log.close()
        line = self.child.stdout.readline().decode()
        assert " at http" in line, line + (self.folder / "server.log").read_text()
        self.url = line.split(" at ")[1].split()[0]
        self.listen = self.url.split("//")[1]
        return self

    def stop(self):
        self.child.send_signal(signal.SIGTERM)
        code = self.child.wait(timeout=20)
        self.child.stdout.close()
        return code

    def kill(self):
        if self.child.poll() is None:
            self.child.kill()
        self.child.wait()
        self.child.stdout.close()

    def log(self):
        return (self.folder / "server.log").read_text()
