"""DIRAC's TornadoServer with what the configuration calls https, on a Tornado 5.1 from PyPI:
DIRAC's own distribution carries it patched for newer Pythons, and for M2Crypto's streams and
requests; the same is done here before DIRAC is loaded."""

import collections
import collections.abc
import os
import sys

collections.MutableMapping = collections.abc.MutableMapping

import tornado.httputil  # noqa: E402
import tornado.iostream  # noqa: E402
import tornado.tcpserver  # noqa: E402
from tornado_m2crypto.m2httputil import M2HTTPServerRequest  # noqa: E402
from tornado_m2crypto.m2iostream import M2IOStream  # noqa: E402
from tornado_m2crypto.m2netutil import m2_wrap_socket  # noqa: E402


class Stream(M2IOStream):
    """Made as any class is, where the patched Tornado calls `initialize`."""

    def __init__(self, *args, **kwargs):
        self.initialize(*args, **kwargs)


tornado.iostream.SSLIOStream.configure = lambda name: None
tornado.tcpserver.SSLIOStream, tornado.tcpserver.ssl_wrap_socket = Stream, m2_wrap_socket
for name in ("get_ssl_certificate", "get_ssl_certificate_chain"):
    setattr(tornado.httputil.HTTPServerRequest, name, getattr(M2HTTPServerRequest, name))
os.environ["DIRAC_USE_TORNADO_IOLOOP"] = "yes"

from DIRAC.Core.Tornado.scripts.tornado_start_all import main  # noqa: E402

sys.argv[0] = "tornado-start-all"
main()
