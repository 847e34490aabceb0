"""Where the rows of W lie in the engine's memory.

A row that starts on a cache line is read and updated in half the time of one that does not. So rows get a gap behind
them where that costs little memory. The plan, the trace and checkpoints know no gaps: `spread` and `gather` translate.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from channelsim.engine.config import CACHE_LINE_VALUES, GAP_WASTE, SMALL_MATRIX, STEPS
from channelsim.engine.tables.layouts import LAYER
from channelsim.plan import Plan, Quantizer, Transfer, Wiring

Floats = NDArray[np.float32]


def lay_out(plan: Plan) -> NDArray[Any]:
    """The plan's layer table with the places of W in the engine's memory."""
    table = np.zeros(len(plan.layers), LAYER)
    offset = steps = 0
    for name in plan.layers.dtype.names or ():
        table[name] = plan.layers[name]
    by_synapse = plan.channels["target"][plan.channels["wiring"] == Wiring.SYNAPSES]
    for h, (row, layer, learns) in enumerate(zip(table, plan.layers, plan.trains, strict=True)):
        columns = int(layer["w_columns"])
        if layer["w_size"]:
            rows = int(layer["w_size"]) // columns
            row["row_stride"] = _stride(rows, columns) if _by_rows(plan, layer) and h not in by_synapse else columns
            row["w_extent"] = rows * row["row_stride"]
            row["has_unit"] = not learns or layer["weight_levels"] == 1
        row["w_offset"], row["step_offset"] = offset, steps
        if layer["keeps_sums"]:  # the kernels leave S, whatever f: see `layers.own_transfers`
            row["transfer"] = Transfer.OWN
        offset += _padded(int(row["w_extent"]))
        row["step_stride"] = _padded(columns) if layer["w_size"] else 0
        steps += STEPS * int(row["step_stride"])
    return table


def _padded(values: int) -> int:
    """The same in whole cache lines."""
    return -(-values // CACHE_LINE_VALUES) * CACHE_LINE_VALUES


def _stride(rows: int, columns: int) -> int:
    padded = _padded(columns)
    return padded if rows * padded <= SMALL_MATRIX or padded <= GAP_WASTE * columns else columns


def _by_rows(plan: Plan, layer: Any) -> bool:
    """Whether updates address W by its rows only, never as one flat buffer, as quantizers, momentum, decay and steps of
    the user's own do."""
    quantized = layer["update_quantizer"] != Quantizer.NONE or layer["weight_quantizer"] != Quantizer.NONE
    return not quantized and plan.momentum == 0.0 and plan.weight_decay == 0.0 and plan.own_rule is None


def size(table: NDArray[Any]) -> int:
    """Values of a buffer that holds all W."""
    return int((table["w_offset"] + table["w_extent"]).max())


def aligned(count: int) -> Floats:
    """Zeros that start on a cache line."""
    room = np.zeros(count + CACHE_LINE_VALUES, np.float32)
    first = (-room.ctypes.data // room.itemsize) % CACHE_LINE_VALUES
    return room[first : first + count]


def spread(table: NDArray[Any], plan: Plan, flat: Floats) -> Floats:
    """A flat buffer in the plan's layout -> in the engine's."""
    there = aligned(size(table))
    for own, place in zip(_matrices(table, there), _places(plan), strict=True):
        own[...] = flat[place].reshape(own.shape)
    return there


def gather(table: NDArray[Any], plan: Plan, there: Floats) -> Floats:
    """A copy of a flat buffer in the engine's layout, in the plan's."""
    flat = np.empty(plan.synapses, np.float32)
    for own, place in zip(_matrices(table, there), _places(plan), strict=True):
        flat[place] = own.reshape(-1)
    return flat


def _matrices(table: NDArray[Any], there: Floats) -> list[Floats]:
    found = []
    for layer in table[table["w_size"] > 0]:
        first, columns = int(layer["w_offset"]), int(layer["w_columns"])
        rows = there[first : first + int(layer["w_extent"])].reshape(-1, int(layer["row_stride"]))
        found.append(rows[:, :columns])
    return found


def _places(plan: Plan) -> list[slice]:
    layers = plan.layers[plan.layers["w_size"] > 0]
    return [slice(int(layer["w_offset"]), int(layer["w_offset"] + layer["w_size"])) for layer in layers]
