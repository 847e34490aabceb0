"""`Net.geometry`: of each layer the maps below and above, and the window that moves over the one to make the other."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from channelsim.engine.sizes import patch_stride, patch_values
from channelsim.plan import Kind

# A row: the map below, the map of this layer, the window, how far apart the rows of a patch matrix lie, and how many
# values of room a part of the work needs.
CHANNELS, HEIGHT, WIDTH, MAPS, ROWS, COLUMNS, KERNEL, STRIDE, PADDING, PITCH, ROOM = 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10
FIELDS = ("in_channels", "in_height", "in_width", "out_channels", "out_height", "out_width", "kernel", "stride",
          "padding")  # fmt: skip


def geometry(layers: NDArray[Any]) -> NDArray[np.int64]:
    """A row for each layer, (L + 1, 11). `flatten` sees one long row."""
    table = np.zeros((len(layers), ROOM + 1), np.int64)
    for row, layer in zip(table, layers, strict=True):
        row[: len(FIELDS)] = [layer[field] for field in FIELDS]
        if layer["kind"] == Kind.FLATTEN:
            row[:] = (1, 1, layer["n"], 1, 1, layer["n"], 1, 1, 0, 0, 0)
        elif layer["kind"] == Kind.CONV2D:
            row[PITCH], row[ROOM] = patch_stride(layer), patch_values(layer)
    return table
