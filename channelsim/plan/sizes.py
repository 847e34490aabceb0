"""How large a network is, worked out from its tables: wires, operations and bytes, before anything is drawn."""

from __future__ import annotations

import os
from typing import Any

from numpy.typing import NDArray

from channelsim.errors import InputError
from channelsim.plan.layout import Kind, Wiring
from channelsim.scenario import Scenario

GIB = 2**30
# An entry of W or C is there in float32 in the plan, in the engine and in a checkpoint on its way to the disk. While a
# matrix is drawn, its random words and the float64 numbers made of them are there too.
BYTES_KEPT, BYTES_DRAWN = 12, 32


def operations(layer: Any) -> int:
    """Multiply-accumulates of one sample's forward pass through a layer when every neuron below speaks.

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


def wires(channel: Any, layers: NDArray[Any], connections: int | None) -> int:
    """Entries of a learning channel's C; of sparse wiring, which is drawn, the expected number."""
    source, target = layers[channel["source"]], layers[channel["target"]]
    kind = channel["wiring"]
    if kind in (Wiring.NONE, Wiring.TRANSPOSE):
        return 0
    if kind in (Wiring.SIGN, Wiring.BANK):
        return int(source["w_size"])
    senders = int(source["n"])
    if kind in (Wiring.SPARSE, Wiring.SPARSE_SIGN):
        senders = min(connections or senders, senders)
    return senders * int(target["n"])


def error_operations(channel: Any, layers: NDArray[Any], connections: int | None) -> int:
    """Multiply-accumulates that turn one message in which everybody speaks into the error at its target."""
    if channel["wiring"] in (Wiring.TRANSPOSE, Wiring.SIGN, Wiring.BANK):
        return operations(layers[channel["source"]])
    return wires(channel, layers, connections)


def feedback_operations(channel: Any, layers: NDArray[Any], connections: int | None) -> int:
    """Multiply-accumulates of the update of an adaptive C when everybody speaks."""
    if not channel["adaptive"]:
        return 0
    if channel["wiring"] == Wiring.BANK:
        return operations(layers[channel["source"]])
    return wires(channel, layers, connections)


def synapse_bytes(layers: NDArray[Any], channels: NDArray[Any], connections: int | None) -> int:
    """Most bytes that all W and C take at one time; of a sparse C the wires that do not exist are drawn too."""
    kept = sum(int(size) for size in layers["w_size"]) + sum(wires(row, layers, connections) for row in channels)
    drawn = [int(size) for size in layers["w_size"]] + [wires(row, layers, None) for row in channels]
    return BYTES_KEPT * kept + BYTES_DRAWN * max(drawn)


def machine_bytes() -> int | None:
    """The machine's memory; None where the system does not tell."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None


def refuse_excess(scenario: Scenario, layers: NDArray[Any], channels: NDArray[Any]) -> None:
    """Raises InputError for a network whose synapses do not fit into this machine, before any of them is drawn."""
    needed, there = synapse_bytes(layers, channels, scenario.learning.feedback.connections), machine_bytes()
    if there is not None and needed > there:
        raise InputError(
            f"{scenario.model.where}: layers: W and C would take {needed / GIB:,.1f} GiB, but this machine has "
            f"{there / GIB:,.1f} GiB; accepted: fewer units"
        )
