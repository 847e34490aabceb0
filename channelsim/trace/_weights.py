"""/weights/<epoch>: W, b and C, matrix by matrix."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
from numpy.typing import NDArray

from channelsim.plan.layout import Direction, Kind, Wiring
from channelsim.trace import _table

if TYPE_CHECKING:
    from channelsim.plan import Plan

Float = NDArray[np.float32]
_SPARSE = (Wiring.SPARSE, Wiring.SPARSE_SIGN)
_AS_SENDER = (Wiring.BANK, Wiring.SIGN)


@dataclass(frozen=True)
class Snapshot:
    """The flat buffers of a plan, as they were at the end of an epoch (0: before the first)."""

    epoch: int
    weights: Float
    biases: Float
    feedback: Float

    @property
    def nbytes(self) -> int:
        return self.weights.nbytes + self.biases.nbytes + self.feedback.nbytes


def write(parent: h5py.Group, plan: Plan, snapshot: Snapshot) -> None:
    """Write one epoch's group, with the indices that are its dimensions."""
    name = str(snapshot.epoch)
    if name in parent:
        del parent[name]
    group = parent.create_group(name, track_order=True)
    group.attrs["epoch"] = snapshot.epoch
    scales: dict[str, h5py.Dataset] = {}

    def scale(dimension: str, length: int, long_name: str) -> h5py.Dataset:
        if dimension not in scales:
            scales[dimension] = _table.index(group, dimension, length, long_name)
        return scales[dimension]

    def matrix_scales(h: int) -> list[h5py.Dataset]:
        layer = plan.layers[h]
        if layer["kind"] == Kind.CONV2D:
            return [
                scale(f"channel_{h}", int(layer["in_channels"]), f"channels of the map below layer {h}"),
                scale(f"row_{h}", int(layer["kernel"]), f"rows of the kernels of layer {h}"),
                scale(f"column_{h}", int(layer["kernel"]), f"columns of the kernels of layer {h}"),
                scale(f"map_{h}", int(layer["out_channels"]), f"maps of layer {h}"),
            ]
        return [
            scale(f"input_{h}", int(layer["fan_in"]), f"inputs of layer {h}"),
            scale(f"unit_{h}", int(layer["n"]), f"units of layer {h}"),
        ]

    for h, layer in enumerate(plan.layers):
        if not layer["w_size"]:
            continue
        axes = matrix_scales(h)
        shape = tuple(axis.shape[0] for axis in axes)
        W = _slice(snapshot.weights, layer["w_offset"], layer["w_size"]).reshape(shape)
        layout = "(channels, rows, columns, maps)" if layer["kind"] == Kind.CONV2D else "(inputs, units)"
        _table.array(group, f"W_{h}", W, axes, "1", f"weights of layer {h}, {layout}")
        b = _slice(snapshot.biases, layer["b_offset"], layer["b_size"])
        _table.array(group, f"b_{h}", b, axes[-1:], "1", f"biases of layer {h}")
    for channel, label in zip(plan.channels, plan.channel_names, strict=True):
        if channel["direction"] != Direction.LEARNING or not channel["c_size"]:
            continue
        h, source = int(channel["target"]), int(channel["source"])
        values = _slice(snapshot.feedback, channel["c_offset"], channel["c_size"])
        if channel["wiring"] in _SPARSE:
            wire = scale(f"wire_{h}", values.size, f"wires of {label}")
            _table.array(group, f"C_{h}", values, [wire], "1", f"C of {label}, wire by wire")
            senders, receivers = _ends(plan, channel)
            _table.array(group, f"C_{h}_sender", senders, [wire], "1", f"unit of layer {source} that a wire leaves")
            _table.array(group, f"C_{h}_receiver", receivers, [wire], "1", f"unit of layer {h} that a wire reaches")
            continue
        if channel["wiring"] in _AS_SENDER:
            axes, layout = matrix_scales(source), f"laid out as W_{source}"
        else:
            axes = [
                scale(f"unit_{source}", int(channel["n"]), f"units of layer {source}"),
                scale(f"unit_{h}", int(plan.layers[h]["n"]), f"units of layer {h}"),
            ]
            layout = f"(units of layer {source}, units of layer {h})"
        values = values.reshape(tuple(axis.shape[0] for axis in axes))
        _table.array(group, f"C_{h}", values, axes, "1", f"C of {label}, {layout}")


def _slice(buffer: Float, offset: Any, size: Any) -> Float:
    return buffer[int(offset) : int(offset) + int(size)]


def _ends(plan: Plan, channel: Any) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    start, n = int(channel["start_offset"]), int(channel["n"])
    starts = plan.c_start[start : start + n + 1]
    senders = np.repeat(np.arange(n, dtype=np.int32), np.diff(starts))
    offset, size = int(channel["c_offset"]), int(channel["c_size"])
    return senders, plan.c_index[offset : offset + size].astype(np.int32)
