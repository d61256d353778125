"""`python3 -m pilot.pool`: the tool itself is in pilot/ops, as nothing of it runs on a node."""

import sys

from pilot.ops.pool.__main__ import main

__all__ = ["main"]

if __name__ == "__main__":
    sys.exit(main())
