"""Words for everything the package does: `channelsim run`, `check`, `verify`, `sweep`, `trace`, `plot`,
`timeline`, `report`, `data`.

Each command reads its options, calls one public function and shows what it returned. Modules that take long
to import (Numba, HDF5, Matplotlib, PyTorch) are imported inside the commands, so that `channelsim --help` is
instant.
"""

from __future__ import annotations

from channelsim.cli.app import main

__all__ = ["main"]
