"""The toolbox: one command per file, the file named as the class."""

from commands.check_worker_node import CheckWorkerNode
from commands.launch_agent import LaunchAgent

COMMANDS = (CheckWorkerNode, LaunchAgent)

USUAL_PLAN = ("CheckWorkerNode", "LaunchAgent")
