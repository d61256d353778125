"""Tasks, leases and the stores that hold them: `open_pool("sqlite:FILE")`."""

from pilot.pool.interface import Pool
from pilot.pool.open import open_pool

__all__ = ["Pool", "open_pool"]
