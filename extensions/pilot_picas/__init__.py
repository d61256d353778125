"""PiCaS: tasks are tokens in a CouchDB, in the layout of the picas client; old and new pilots share
them."""

from typing import Dict

from pilot.pool.interface import Pool

from .launch_agent import LaunchAgent


def open_picas(url: str, create: bool, environ: Dict[str, str]) -> Pool:
    """The engine's hook for pools. It loads the pool's modules only in runs that use the pool."""
    from .pool import open_url

    return open_url(url, create, environ)


COMMANDS = (LaunchAgent,)
POOLS = {"picas": open_picas}
