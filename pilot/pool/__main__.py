"""`python3 -m pilot.pool`: the tool itself is in pilot/ops, because worker nodes do not run it."""

import sys

from pilot.ops.pool.__main__ import main

__all__ = ["main"]

if __name__ == "__main__":
    sys.exit(main())
