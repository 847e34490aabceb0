"""The layer table: what units and synapses each layer of a model has for data of a given shape."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from channelsim.errors import InputError
from channelsim.plan.layout import LAYER, Kind, Transfer
from channelsim.plan.settings import quantizer_fields
from channelsim.scenario import Scenario


def fans(layer: Any) -> tuple[int, int]:
    """Fan-in and fan-out of one layer's synapses, as they set the scale of random weights."""
    return int(layer["fan_in"]), int(layer["n"])


def layer_table(scenario: Scenario, shape: tuple[int, ...], classes: int) -> NDArray[Any]:
    """LAYER records 0..L, the input being layer 0. Raises InputError naming the layer whose sizes do not fit."""
    model = scenario.model
    declared = math.prod(model.input)
    given = math.prod(shape)
    if declared != given:
        raise InputError(
            f"{model.where}: input: the model takes {list(model.input)} = {declared} values, but the data set "
            f"'{scenario.data.name}' has {list(shape)} = {given}"
        )
    table = np.zeros(model.depth + 1, LAYER)
    table[0]["kind"], table[0]["n"] = Kind.INPUT, given
    unit_offset = input_offset = w_offset = b_offset = 0
    for h, layer in enumerate(model.chain(), start=1):
        row, below = table[h], table[h - 1]
        row["kind"] = Kind[layer.kind.upper()]
        row["transfer"] = Transfer[layer.transfer.upper()]
        row["fan_in"], row["n"] = below["n"], layer.units
        row["w_size"], row["b_size"] = int(below["n"]) * layer.units, layer.units
        row["unit_offset"], row["input_offset"] = unit_offset, input_offset
        row["w_offset"], row["b_offset"] = w_offset, b_offset
        for word, quantize in (("update", scenario.synapses.update), ("weight", scenario.synapses.weight)):
            quantizer_fields(
                row, quantize, f"{word}_quantizer", f"{word}_bits", f"{word}_scale_kind", f"{word}_scale",
                f"{word}_stochastic",
            )  # fmt: skip
        row["compute_forward"], row["compute_learning"] = scenario.compute_times(h)
        unit_offset += int(row["n"])
        input_offset += int(row["fan_in"])
        w_offset += int(row["w_size"])
        b_offset += int(row["b_size"])
    if table[-1]["n"] != classes:
        raise InputError(
            f"{model.where}: layers: the top layer has {table[-1]['n']} units, but the data set "
            f"'{scenario.data.name}' has {classes} classes"
        )
    return table
