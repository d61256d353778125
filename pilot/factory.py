"""`python3 -m pilot.factory`: the tool itself is in pilot/ops, as nothing of it runs on a node."""

import sys

from pilot.ops.factory.__main__ import main

__all__ = ["main"]

if __name__ == "__main__":
    sys.exit(main())
