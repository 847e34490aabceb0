"""Networks of PyTorch as models of a scenario, with their weights; `Trace.to_torch` is the way back."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from channelsim.errors import InputError
from channelsim.scenario import Model

if TYPE_CHECKING:
    import torch

_TRANSFERS = {"Tanh": "tanh", "Sigmoid": "logistic", "ReLU": "relu", "Softmax": "softmax", "Identity": "linear"}
_ACCEPTED = "Linear, Conv2d, MaxPool2d, AvgPool2d, Flatten, Unflatten, Tanh, Sigmoid, ReLU, Softmax, Identity"


def from_torch(
    network: torch.nn.Sequential, input: Sequence[int] | None = None, name: str = "torch"
) -> tuple[Model, dict[str, NDArray[np.float32]]]:
    """The model of a network, and its weights to begin with.

        model, init = cs.from_torch(network, input=[1, 28, 28])
        cs.run(cs.Scenario(name="mine", model=model, data={"name": "mnist"}), init=init)

    Arguments:
        network: Linear and Conv2d, each with a transfer function behind it or none (linear), MaxPool2d, AvgPool2d,
            Flatten and Unflatten. Softmax at the top only: where the network ends with scores and is trained with
            cross-entropy, add it.
        input: the shape of a sample, [values] or [channels, height, width]; what the first Linear takes by default.
        name: the model's.

    Returns: the model, and float32 arrays W_1, b_1, ... as `Simulation` and `run` take them (`init`). Over ideal
    channels outputs are those of the network, to rounding.

    Raises InputError for a module that a model has no place for.
    """
    layers: list[dict[str, Any]] = []
    init: dict[str, NDArray[np.float32]] = {}
    for at, module in enumerate(network):
        kind, where = type(module).__name__, f"from_torch: module {at}, {module}"
        if kind in ("Linear", "Conv2d"):
            layers.append(_READ[kind](module, where))
            init |= _weights(module, len(layers))
        elif kind in _TRANSFERS:
            if not layers or layers[-1].get("transfer") != "linear":
                raise InputError(f"{where}: stands behind no layer with weights; accepted: one for each of these")
            if kind == "Softmax" and module.dim not in (1, -1, None):
                raise InputError(f"{where}: not over the units; accepted: Softmax(1)")
            layers[-1]["transfer"] = _TRANSFERS[kind]
        elif kind in _READ:
            layers.append(_READ[kind](module, where))
        elif kind == "Flatten":  # a dense layer takes a map as a vector
            if (module.start_dim, module.end_dim) not in ((1, -1), (1, 3)):
                raise InputError(f"{where}: not all of a sample as one vector; accepted: Flatten()")
        elif kind != "Unflatten":
            raise InputError(f"{where}: a model has no such layer; accepted: {_ACCEPTED}")
    if not layers:
        raise InputError("from_torch: the network has no layers; accepted: one Linear or Conv2d, or more")
    if input is None:
        if layers[0]["kind"] != "dense":
            raise InputError("from_torch: input is missing; accepted: [channels, height, width]")
        input = [len(init["W_1"])]
    shape = tuple(int(size) for size in input)
    return Model(name=name, input=shape, layers=layers), init  # type: ignore[arg-type]


def _linear(module: Any, where: str) -> dict[str, Any]:
    bias = module.bias is not None
    return {"kind": "dense", "units": module.out_features, "transfer": "linear", "bias": bias}


def _conv(module: Any, where: str) -> dict[str, Any]:
    if module.groups != 1 or module.padding_mode != "zeros" or set(module.dilation) != {1}:
        raise InputError(f"{where}: accepted: groups = 1, dilation = 1, padding_mode = 'zeros'")
    return {
        "kind": "conv2d",
        "channels": module.out_channels,
        "kernel": _side(module.kernel_size, where, "kernel_size"),
        "stride": _side(module.stride, where, "stride"),
        "padding": _side(module.padding, where, "padding"),
        "transfer": "linear",
        "bias": module.bias is not None,
    }


def _pool(kind: str) -> Callable[[Any, str], dict[str, Any]]:
    def read(module: Any, where: str) -> dict[str, Any]:
        if _side(module.padding, where, "padding") or module.ceil_mode or getattr(module, "dilation", 1) != 1:
            raise InputError(f"{where}: accepted: padding = 0, dilation = 1, ceil_mode = False")
        if getattr(module, "divisor_override", None) is not None:
            raise InputError(f"{where}: no mean of a window; accepted: divisor_override = None")
        size = _side(module.kernel_size, where, "kernel_size")
        return {"kind": kind, "size": size, "stride": _side(module.stride, where, "stride")}

    return read


_READ: dict[str, Callable[[Any, str], dict[str, Any]]] = {
    "Linear": _linear,
    "Conv2d": _conv,
    "MaxPool2d": _pool("maxpool"),
    "AvgPool2d": _pool("avgpool"),
}


def _side(value: Any, where: str, key: str) -> int:
    """One number for both sides."""
    sides = set(value) if isinstance(value, tuple) else {value}
    if len(sides) != 1 or not all(isinstance(side, int) for side in sides):
        raise InputError(f"{where}: {key} = {value}; accepted: a number, the same down and across")
    return int(sides.pop())


def _weights(module: Any, h: int) -> dict[str, NDArray[np.float32]]:
    """W, whose units PyTorch has first, and b."""
    weight = module.weight.detach().cpu().float().numpy()
    found = {f"W_{h}": np.ascontiguousarray(np.moveaxis(weight, 0, -1))}
    if module.bias is not None:
        found[f"b_{h}"] = module.bias.detach().cpu().float().numpy().copy()
    for name, array in found.items():
        if not math.isfinite(float(np.abs(array).max(initial=0))):
            raise InputError(f"from_torch: {name} is not finite; accepted: finite float32 values")
    return found
