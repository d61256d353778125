"""PiCaS: tasks are tokens in a CouchDB, laid out as the picas client lays them out; old and new
pilots share them."""

from typing import Dict

from pilot.pool.interface import Pool

from .launch_agent import LaunchAgent


def open_picas(url: str, create: bool, environ: Dict[str, str]) -> Pool:
    """The engine's hook for pools: what keeps the tokens is loaded only where it is used."""
    from .pool import open_url

    return open_url(url, create, environ)


COMMANDS = (LaunchAgent,)
POOLS = {"picas": open_picas}
