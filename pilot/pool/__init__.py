"""Tasks, leases and where they are kept: `open_pool("sqlite:FILE")`."""

from pilot.pool.interface import Pool
from pilot.pool.open import open_pool

__all__ = ["Pool", "open_pool"]
