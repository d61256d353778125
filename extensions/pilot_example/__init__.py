"""An example to copy: one new command, one override of a toolbox command."""

from pilot_example.check_worker_node import CheckWorkerNode
from pilot_example.say_hello import SayHello

COMMANDS = (SayHello, CheckWorkerNode)
