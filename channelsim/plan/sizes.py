"""How large a network is, worked out from its tables: wires, operations and bytes, before anything is drawn."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from numpy.typing import NDArray

from channelsim.errors import InputError
from channelsim.plan.edges import Edge
from channelsim.plan.layout import Kind, map_parts
from channelsim.rules import SHAPED_AS_WEIGHTS, SPARSE_WIRINGS, WITHOUT_FEEDBACK, Wiring
from channelsim.scenario import Scenario

GIB = 2**30
# An entry of W or C is there in float32 in the plan, in the engine and in a checkpoint on its way to the disk. While a
# matrix is drawn, its random words and the float64 numbers made of them are there too.
BYTES_KEPT, BYTES_DRAWN = 12, 32
LINE = 16  # float32 values in a cache line
# Samples of an evaluation: fewer at a time where a layer's output would have more values than this.
EVALUATED_AT_ONCE, EVALUATED_VALUES = 500, 4_000_000


def operations(layer: Any) -> int:
    """Multiply-accumulates of one sample's forward pass through a layer when all units below are active.

    As many as its whole gradient takes, and an error's way back through it. Of a convolution, padding takes none.
    """
    if layer["kind"] != Kind.CONV2D:
        return int(layer["w_size"])
    return _taps(layer, "height") * _taps(layer, "width") * int(layer["in_channels"]) * int(layer["out_channels"])


def _taps(layer: Any, side: str) -> int:
    """Pairs of a kernel's row (or column) and a row of the map below that it meets, over all of its positions."""
    kernel, stride, padding = int(layer["kernel"]), int(layer["stride"]), int(layer["padding"])
    size = int(layer[f"in_{side}"])
    first = [at * stride - padding for at in range(int(layer[f"out_{side}"]))]
    return sum(max(0, min(at + kernel, size) - max(at, 0)) for at in first)


def wires(edge: Edge, layers: NDArray[Any], connections: int | None) -> int:
    """Entries of a channel's C; of sparse wiring, which is drawn, the expected number."""
    source, target = layers[edge.source], layers[edge.target]
    kind = edge.wiring
    if kind in WITHOUT_FEEDBACK:
        return 0
    if kind in SHAPED_AS_WEIGHTS:
        return int(source["w_size"])
    senders = int(source["n"])
    if kind in SPARSE_WIRINGS:
        senders = min(connections or senders, senders)
    return senders * int(target["n"])


def error_operations(edge: Edge, layers: NDArray[Any], connections: int | None) -> int:
    """Multiply-accumulates that turn one message in which all units are active into the error at its target."""
    if edge.wiring in (Wiring.TRANSPOSE, *SHAPED_AS_WEIGHTS):
        return operations(layers[edge.source])
    return wires(edge, layers, connections)


def feedback_operations(edge: Edge, layers: NDArray[Any], connections: int | None) -> int:
    """Multiply-accumulates of the update of an adaptive C when all units are active."""
    if not edge.adaptive:
        return 0
    if edge.wiring == Wiring.BANK:
        return operations(layers[edge.source])
    return wires(edge, layers, connections)


def synapse_bytes(layers: NDArray[Any], edges: Sequence[Edge], connections: int | None) -> int:
    """Most bytes that all W and C take at one time; connections as in `wires`."""
    entries = [int(size) for size in layers["w_size"]]
    entries += [wires(edge, layers, connections) for edge in edges]
    return BYTES_KEPT * sum(entries) + BYTES_DRAWN * max(entries)


def evaluated_at_once(layers: NDArray[Any]) -> int:
    """Samples that an evaluation passes through the network together."""
    return max(1, min(EVALUATED_AT_ONCE, EVALUATED_VALUES // int(layers["n"].max())))


def layer_bytes(layers: NDArray[Any], batch: int) -> int:
    """Bytes of the buffers in which one layer after another works on a frame, and an evaluation on its samples.

    In learning these are error, signal and inputs, and the inputs once more as events, an index and a value each.
    """
    widest = int(layers["n"].max())
    return 4 * widest * (5 * batch + 2 * evaluated_at_once(layers))


def patch_pitch(layer: Any) -> int:
    """Values from one row of a patch matrix to the next: whole cache lines, and one more.

    Rows a power of two apart would compete for the same places in the cache.
    """
    return _whole_lines(int(layer["out_height"]) * int(layer["out_width"])) + LINE


def patch_values(layer: Any) -> int:
    """Values that a convolution needs for the patches of one image.

    The patches are a matrix (in_channels * kernel * kernel, positions), which the kernels are multiplied with. Its rows
    are cut out of planes: one channel of the map below, moved across by each column of the kernel.
    """
    kernel = int(layer["kernel"])
    plane = ((int(layer["out_height"]) - 1) * int(layer["stride"]) + kernel) * int(layer["out_width"])
    channel = int(layer["in_height"]) * int(layer["in_width"])
    return _whole_lines(int(layer["in_channels"]) * kernel**2 * patch_pitch(layer) + kernel * plane + channel)


def _whole_lines(values: int) -> int:
    return -(-values // LINE) * LINE


def patch_bytes(layers: NDArray[Any], batch: int) -> int:
    """Bytes of the patches (float32) of frames of so many samples: each part that is worked on has one image's."""
    samples = max(batch, evaluated_at_once(layers))
    largest = max((patch_values(layer) for layer in layers[layers["kind"] == Kind.CONV2D]), default=0)
    return 4 * map_parts(samples) * largest


def machine_bytes() -> int | None:
    """The machine's memory; None where the system does not tell."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None


def refuse_excess(scenario: Scenario, layers: NDArray[Any], edges: Sequence[Edge]) -> None:
    """Raises InputError for a network that does not fit into this machine's memory, before any of it is drawn.

    Counted are W, C and the patches of convolutions; the message names the largest C, and what makes it smaller.
    """
    there, connections = machine_bytes(), scenario.learning.feedback.connections
    needed = synapse_bytes(layers, edges, connections) + patch_bytes(layers, scenario.training.batch)
    if there is None or needed <= there:
        return
    text = f"{_gib(needed)}, but this machine has {_gib(there)}"
    accepted = "fewer units"
    if edges:
        largest = max(edges, key=lambda edge: wires(edge, layers, connections))
        size = wires(largest, layers, connections)
        if size > layers["w_size"].sum():
            source, target = largest.source, largest.target
            text += f" (C of {largest.name} has {size:,} wires, from {layers[source]['n']:,} units to "
            text += f"{layers[target]['n']:,}: {_gib((BYTES_KEPT + BYTES_DRAWN) * size)})"
            accepted = _remedies(layers, largest, connections) + accepted
    raise InputError(f"{scenario.model.where}: layers: W and C would take {text}; accepted: {accepted}")


def _remedies(layers: NDArray[Any], edge: Edge, connections: int | None) -> str:
    """What makes one C smaller, as words before "fewer units"."""
    words = ""
    if edge.wiring in (Wiring.DENSE, *SPARSE_WIRINGS):
        fewer = "k" if connections is None else f"less than {connections}"
        words += f"learning.feedback.connections = {fewer} (so many wires for each unit that receives), "
        if layers[edge.target + 1]["kind"] != Kind.DENSE:
            words += 'a "layered" learning.route (there C is a bank of kernels, or none), '
    return words + "or " if words else words


def _gib(size: int) -> str:
    return f"{size / GIB:,.1f} GiB"
