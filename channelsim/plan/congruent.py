"""Congruent feedback: C drawn with the signs of the weights that it stands for."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from channelsim.errors import InputError
from channelsim.plan.edges import Edge
from channelsim.plan.layout import Kind
from channelsim.rules import SHAPED_AS_WEIGHTS


def signs(edge: Edge, layers: NDArray[Any], weights: NDArray[np.float32]) -> NDArray[np.float64]:
    """The signs of the weights that a channel's C stands for, as C is laid out: 1, -1 or, of a zero, 0.

    These are W of the sending layer, transposed, or where the channel skips layers the product of all transposed W in
    between; a bank has the signs of the kernels. The product is summed in float64 and in order, so that a sum's sign is
    the same on every machine.

    Raises InputError where a layer in between has no W, or one that is no matrix.
    """
    if edge.wiring in SHAPED_AS_WEIGHTS:
        return np.sign(_matrix(layers, edge.source, weights)).astype(np.float64)
    between = range(edge.source, edge.target, -1)
    for h in between:
        if layers[h]["kind"] != Kind.DENSE:
            raise InputError(
                f"learning.feedback.congruent: layer {h}, on the way of errors from layer {edge.source} to layer "
                f"{edge.target}, is not dense, so C has no weights to take its signs from; accepted: false, or a "
                f"network with dense layers only"
            )
    path = np.eye(int(layers[edge.source]["n"]))
    for h in between:
        path = _product(_matrix(layers, h, weights).astype(np.float64), path)
    return np.sign(path.T)


def _matrix(layers: NDArray[Any], h: int, weights: NDArray[np.float32]) -> NDArray[np.float32]:
    """W of layer h: a row for each input, or element of a kernel; a column for each unit, or map."""
    layer = layers[h]
    return weights[layer["w_offset"] : layer["w_offset"] + layer["w_size"]].reshape(-1, int(layer["w_columns"]))


def _product(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """a b, each sum in order: BLAS has another order on each kind of processor."""
    found = np.zeros((a.shape[0], b.shape[1]))
    for k in range(a.shape[1]):
        found += a[:, k, None] * b[k]
    return found
