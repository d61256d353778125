"""A proxy that lets requests through and loses answers, as networks do."""

import socket
import threading


class Cutting:
    """Stands before a server on loopback; `cut` is asked of each answer's bytes whether they are
    lost with the connection."""

    def __init__(self, port):
        self.cut = lambda data: False
        self.lost = threading.Event()
        self._to = port
        self._listener = socket.socket()
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen(50)
        self.url = "http://127.0.0.1:%d" % self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(("127.0.0.1", self._to))
            except OSError:
                client.close()
                continue
            threading.Thread(target=self._serve, args=(client, server), daemon=True).start()

    def _serve(self, client, server):
        back = threading.Thread(
            target=self._pump, args=(server, client, lambda data: self.cut(data)), daemon=True
        )
        back.start()
        self._pump(client, server, lambda data: False)
        back.join()
        client.close()
        server.close()

    def _pump(self, source, target, cut):
        try:
            for data in iter(lambda: source.recv(65536), b""):
                if cut(data):
                    self.lost.set()
                    break
                target.sendall(data)
        except OSError:
            pass
        for one in (source, target):
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def close(self):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
