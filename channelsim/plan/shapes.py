"""The layer table: what units and synapses each layer of a model has for data of a given shape."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from channelsim import own_losses, own_transfers
from channelsim.errors import InputError
from channelsim.plan.layout import LAYER, Kind, Transfer
from channelsim.plan.own_losses import tried as tried_loss
from channelsim.plan.own_transfers import tried
from channelsim.plan.settings import quantizer_fields
from channelsim.plan.targets import refuse_misfit
from channelsim.scenario import AvgPool, Conv2d, Dense, Layer, MaxPool, Scenario, Shape


def fans(layer: Any) -> tuple[int, int]:
    """Fan-in and fan-out of one layer's synapses, as they set the scale of random weights.

    A convolution's fan-out is out_channels * kernel * kernel, as in PyTorch.
    """
    if layer["kind"] == Kind.CONV2D:
        taps = int(layer["kernel"]) ** 2
        return int(layer["in_channels"]) * taps, int(layer["out_channels"]) * taps
    return int(layer["fan_in"]), int(layer["n"])


def layer_table(scenario: Scenario, shape: tuple[int, ...], outputs: int, real: bool = False) -> NDArray[Any]:
    """LAYER records 0..L, the input being layer 0; outputs and real as of `build`.

    Raises InputError naming the layer whose sizes do not fit.
    """
    model = scenario.model
    declared = math.prod(model.input)
    given = math.prod(shape)
    if declared != given:
        raise InputError(
            f"{model.where}: input: the model takes {list(model.input)} = {declared} values, but the data set "
            f"'{scenario.data.called}' has {list(shape)} = {given}"
        )
    if len(model.input) == len(shape) == 3 and tuple(model.input) != tuple(shape):
        accepted = f"input = {list(shape)}"
        if tuple(model.input) == (shape[2], *shape[:2]):
            accepted = "the data with the channels first, x.transpose(0, 3, 1, 2)"
        raise InputError(
            f"{model.where}: input: the model takes images of {list(model.input)} (channels, height, width), but the "
            f"data set '{scenario.data.called}' has {list(shape)}; accepted: {accepted}"
        )
    shapes = model.shapes()
    table = np.zeros(model.depth + 1, LAYER)
    table[0]["kind"], table[0]["n"] = Kind.INPUT, given
    _put_shape(table[0], "out", shapes[0])
    unit_offset = input_offset = w_offset = b_offset = 0
    for h, layer in enumerate(model.chain(), start=1):
        row, below = table[h], table[h - 1]
        row["kind"] = Kind[layer.kind.upper()]
        row["transfer"] = Transfer[layer.nonlinearity.upper()]
        own = tried(layer, f"{model.where}: layers: layer {h}: transfer")
        row["keeps_sums"] = h < model.depth and own is not None and own_transfers.is_of_s(own)
        row["fan_in"], row["n"] = below["n"], math.prod(shapes[h])
        _put_shape(row, "in", shapes[h - 1])
        _put_shape(row, "out", shapes[h])
        _put_synapses(row, layer)
        row["learning_rate"] = scenario.training.rate(h) if layer.synapses else 0.0
        row["unit_offset"], row["input_offset"] = unit_offset, input_offset
        row["w_offset"], row["b_offset"] = w_offset, b_offset
        for word, quantize in (("update", scenario.synapses.update), ("weight", scenario.synapses.weight)):
            quantizer_fields(
                row, quantize, f"{word}_quantizer", f"{word}_levels", f"{word}_scale_kind", f"{word}_scale",
                f"{word}_stochastic",
            )  # fmt: skip
        row["update_per_sample"] = scenario.synapses.update is not None and scenario.synapses.update.per == "sample"
        row["update_bits"] = scenario.synapses.update.width if scenario.synapses.update else 0
        row["compute_forward"], row["compute_learning"] = scenario.compute_times(h)
        unit_offset += int(row["n"])
        input_offset += int(row["fan_in"])
        w_offset += int(row["w_size"])
        b_offset += int(row["b_size"])
    refuse_misfit(scenario, outputs, real)
    loss = tried_loss(scenario, outputs)
    table[-1]["keeps_sums"] = loss is not None and own_losses.is_of_s(loss)
    return table


def _put_shape(row: Any, side: str, shape: Shape) -> None:
    """Writes a shape into the fields `{side}_channels`, `_height` and `_width`; a vector is a map of 1 x 1."""
    channels, height, width = shape if len(shape) == 3 else (*shape, 1, 1)
    row[f"{side}_channels"], row[f"{side}_height"], row[f"{side}_width"] = channels, height, width


def _put_synapses(row: Any, layer: Layer) -> None:
    """Writes the sizes of W and b, and the window of a layer that has one."""
    if isinstance(layer, Dense):
        row["w_size"], row["w_columns"] = int(row["fan_in"]) * layer.units, layer.units
    elif isinstance(layer, Conv2d):
        row["kernel"], row["stride"], row["padding"] = layer.kernel, layer.stride, layer.padding
        row["w_size"] = int(row["in_channels"]) * layer.kernel**2 * layer.channels
        row["w_columns"] = layer.channels
    elif isinstance(layer, MaxPool | AvgPool):
        row["kernel"], row["stride"] = layer.size, layer.stride
    if layer.biased:
        row["b_size"] = row["w_columns"]
