"""`python -m channelsim` is the command `channelsim`."""

from __future__ import annotations

import sys

from channelsim.cli import main

if __name__ == "__main__":
    sys.exit(main())
