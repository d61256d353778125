"""PiCaS: tasks are tokens in a CouchDB, laid out as the picas client lays them out; old and new
pilots share them."""

from .launch_agent import LaunchAgent

COMMANDS = (LaunchAgent,)
