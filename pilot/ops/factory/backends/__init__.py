"""The batch systems that the factory can use, one module each."""

import importlib
from typing import Dict

from pilot.ops.factory.backends.backend import Backend

# name -> module and class; a new batch system is one line and one module
_CLASSES = {
    "local": ("local", "LocalBackend"),
    "slurm": ("slurm", "SlurmBackend"),
    "gridengine": ("gridengine", "GridEngineBackend"),
    "htcondor": ("htcondor", "HTCondorBackend"),
}
NAMES = tuple(_CLASSES)
FAKE = "fake"  # the backend of sites that `simulate` alone knows


def make_backend(name: str, environ: Dict[str, str], folder: str) -> Backend:
    """The backend with this name. It keeps what it must remember in `folder`."""
    module, cls = _CLASSES[name]
    made: Backend = getattr(
        importlib.import_module("pilot.ops.factory.backends." + module), cls
    )(environ, folder)
    return made
