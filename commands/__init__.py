"""The toolbox: one command per file, the file named as the class."""

from commands.check_worker_node import CheckWorkerNode

COMMANDS = (CheckWorkerNode,)

USUAL_PLAN = ("CheckWorkerNode",)
