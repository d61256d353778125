"""An example to copy: one new command, one override of a toolbox command."""

from .check_worker_node import CheckWorkerNode
from .say_hello import SayHello

COMMANDS = (SayHello, CheckWorkerNode)
