"""`python3 -m pilot_dirac.compare`: the tool itself is in ops, because worker nodes do not run it."""

import sys

from .ops.compare import main

__all__ = ["main"]

if __name__ == "__main__":
    sys.exit(main())
