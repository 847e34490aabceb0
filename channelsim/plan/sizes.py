"""How large a network is, worked out from its tables before anything is drawn: wires and operations."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from channelsim.plan.edges import Edge
from channelsim.plan.layout import Kind
from channelsim.rules import SHAPED_AS_WEIGHTS, SPARSE_WIRINGS, WITHOUT_FEEDBACK, Wiring


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
    """Entries of a channel's C, or of P and Q; of sparse wiring, which is drawn, the expected number."""
    source, target = layers[edge.source], layers[edge.target]
    kind = edge.wiring
    if kind in WITHOUT_FEEDBACK:
        return 0
    if kind in SHAPED_AS_WEIGHTS:
        return int(source["w_size"])
    senders = int(source["n"])
    if edge.rank:
        return edge.rank * (senders + int(target["n"]))
    if kind == Wiring.SYNAPSES:
        return senders * int(target["w_size"] + target["b_size"])
    if kind in SPARSE_WIRINGS:
        senders = min(connections or senders, senders)
    return senders * int(target["n"])


def error_operations(edge: Edge, layers: NDArray[Any], connections: int | None) -> int:
    """Multiply-accumulates that turn one message in which all units are active into the error at its target."""
    if edge.wiring == Wiring.PRODUCT:
        return sum(operations(layers[h]) for h in range(edge.source, edge.target, -1))
    if edge.wiring in (Wiring.TRANSPOSE, *SHAPED_AS_WEIGHTS):
        return operations(layers[edge.source])
    return wires(edge, layers, connections)


def feedback_operations(edge: Edge, layers: NDArray[Any], connections: int | None) -> int:
    """Multiply-accumulates of the update of an adaptive C when all units are active."""
    if not edge.adaptive:
        return 0
    if edge.wiring == Wiring.BANK:
        return operations(layers[edge.source])
    if edge.rank:
        return edge.rank * int(layers[edge.target]["n"])  # P does not learn
    return wires(edge, layers, connections)
