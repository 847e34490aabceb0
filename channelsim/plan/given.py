"""W, b and C that are given in place of drawn ones: numbers of a scenario, and arrays of a file fitted to a network.

An array has the name of what it stands for: W_1, b_1, C_1 (the C that leads to layer 1), and so on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from channelsim.errors import InputError
from channelsim.plan.edges import Edge
from channelsim.plan.layout import Direction, Kind
from channelsim.rules import SPARSE_WIRINGS, WITHOUT_FEEDBACK, Wiring
from channelsim.scenario import Conv2d, Dense, Scenario

Float = NDArray[np.float32]
Arrays = Mapping[str, Float]
"""Matrices as the plan has them: W (fan-in, columns), b (columns,), C (units of the sender, units of the receiver)."""


def written(scenario: Scenario) -> dict[str, Float]:
    """The numbers that stand in a scenario."""
    found: dict[str, Any] = {}
    for h, layer in enumerate(scenario.model.chain(), start=1):
        if isinstance(layer, Dense | Conv2d):
            found |= {f"{key}_{h}": given for key, given in (("W", layer.W), ("b", layer.b)) if given is not None}
    found |= {f"C_{h}": matrix for h, matrix in scenario.learning.feedback.C.items()}
    return {name: np.array(values, np.float32) for name, values in found.items()}


def fitted_synapses(source: str, arrays: Mapping[str, NDArray[Any]], layers: NDArray[Any]) -> dict[str, Float]:
    """W and b of every layer among the arrays of a file. A convolution's W may have two dimensions or four (channels,
    rows, columns, maps).

    Raises InputError that names `source`, the array and what was found, for one that is missing or does not fit.
    """
    found: dict[str, Float] = {}
    for h in np.flatnonzero(layers["w_size"]).tolist():
        layer = layers[h]
        columns = int(layer["w_columns"])
        rows = int(layer["w_size"]) // columns
        shapes: list[tuple[int, ...]] = [(rows, columns)]
        what = f"inputs and units of layer {h}"
        if layer["kind"] == Kind.CONV2D:
            side = int(layer["kernel"])
            shapes.insert(0, (int(layer["in_channels"]), side, side, columns))
            what = f"channels, rows, columns and maps of layer {h}"
        found[f"W_{h}"] = _fitted(source, f"W_{h}", arrays, shapes, what).reshape(rows, columns)
        if layer["b_size"]:
            found[f"b_{h}"] = _fitted(source, f"b_{h}", arrays, [(columns,)], f"one of each column of W_{h}")
    unused = sorted(name for name in arrays if name not in found and not name.startswith(("C_", "P_")))
    if unused:
        raise InputError(f"{source}: {unused[0]} is nothing that this network has; accepted: {', '.join(found)}")
    return found


def fitted_feedback(
    source: str, arrays: Mapping[str, NDArray[Any]], layers: NDArray[Any], edges: Sequence[Edge]
) -> dict[str, Float]:
    """C of every learning channel that has one among the arrays of a file.

    Raises InputError as `fitted_synapses`, also for a C that is no matrix in this network.
    """
    found: dict[str, Float] = {}
    for edge in edges:
        if edge.rank or sum(edge.direction == other.direction and edge.target == other.target for other in edges) > 1:
            raise InputError(
                f"{source}: C of {edge.name} is {'P Q' if edge.rank else 'one of several to its layer'} here, and not "
                "read from a file; accepted: networks with one matrix for each layer, or C that is drawn "
                "(model.weights.feedback = false)"
            )
        if edge.direction != Direction.LEARNING or edge.wiring in WITHOUT_FEEDBACK:
            continue
        name = f"C_{edge.target}"
        if edge.wiring != Wiring.DENSE:
            kinds = {Wiring.BANK: "a bank of kernels", Wiring.SIGN: "made of magnitudes with the signs of W",
                     Wiring.SYNAPSES: "of single synapses"}  # fmt: skip
            kind = "a list of wires" if edge.wiring in SPARSE_WIRINGS else kinds[edge.wiring]
            raise InputError(
                f"{source}: C of {edge.name} is {kind} here, and not read from a file; accepted: networks in which each"
                " C is a matrix, or C that is drawn (model.weights.feedback = false)"
            )
        n, n_target = int(layers[edge.source]["n"]), int(layers[edge.target]["n"])
        ends = f"units of layer {edge.source}, which send, and of layer {edge.target}"
        found[name] = _fitted(source, name, arrays, [(n, n_target)], ends)
    for name in sorted(arrays):
        if name.startswith("C_") and name not in found:
            there = ", ".join(found) or "no C"
            raise InputError(
                f"{source}: {name} is of no learning channel with a C here; accepted: {there}, or C that is drawn"
                " (model.weights.feedback = false)"
            )
    return found


def _fitted(
    source: str, name: str, arrays: Mapping[str, NDArray[Any]], shapes: Sequence[tuple[int, ...]], what: str
) -> Float:
    """One array as float32, which has one of these shapes."""
    if name not in arrays:
        there = ", ".join(sorted(arrays)) or "nothing"
        raise InputError(f"{source}: {name} is missing; accepted: {shapes[0]}, {what} (there is {there})")
    array = np.asarray(arrays[name])
    if array.dtype.kind not in "fiu":
        raise InputError(f"{source}: {name} is of type {array.dtype}; accepted: floats or integers")
    if array.shape not in shapes:
        raise InputError(f"{source}: {name} has shape {array.shape}; accepted: {shapes[0]}, {what}")
    with np.errstate(over="ignore"):
        single = array.astype(np.float32)
    if not np.isfinite(single).all():
        at = tuple(int(i) for i in np.argwhere(~np.isfinite(single))[0])
        raise InputError(f"{source}: {name} has {array[at]} at {at}; accepted: finite float32 values")
    return single
