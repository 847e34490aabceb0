"""A trace's network as modules of PyTorch, which is imported when it is asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from channelsim.errors import InputError

if TYPE_CHECKING:
    import torch

FUNCTIONS = {"tanh": "Tanh", "logistic": "Sigmoid", "relu": "ReLU"}
"""The modules of the transfer functions, but for softmax and linear."""


def sequential(model: Mapping[str, Any], weights: Mapping[str, NDArray[np.float32]]) -> torch.nn.Sequential:
    """The network of a resolved scenario's model, with W and b as `Trace.weights` names them: (N, ...) -> (N, units).

    Raises InputError where PyTorch is not installed.
    """
    try:
        from torch import nn
    except ModuleNotFoundError:
        raise InputError("Trace.to_torch needs PyTorch: pip install 'channelsim[reference]'") from None
    return nn.Sequential(*_modules(model, weights))


def _modules(model: Mapping[str, Any], weights: Mapping[str, NDArray[np.float32]]) -> Iterator[torch.nn.Module]:
    from torch import nn

    yield nn.Flatten()
    shape, on_a_map = tuple(model["input"]), False
    for h, layer in enumerate(model["layers"], start=1):
        kind = layer["kind"]
        if kind in ("dense", "flatten"):
            if on_a_map:
                yield nn.Flatten()
            on_a_map = False
        elif not on_a_map:
            yield nn.Unflatten(1, shape)
            on_a_map = True
        if kind == "dense":
            yield _with_weights(nn.Linear, weights, h)
        elif kind == "conv2d":
            yield _with_weights(nn.Conv2d, weights, h, stride=layer["stride"], padding=layer["padding"])
        elif kind in ("maxpool", "avgpool"):
            pool = nn.MaxPool2d if kind == "maxpool" else nn.AvgPool2d
            yield pool(layer["size"], layer["stride"])
        transfer = layer.get("transfer", "linear")
        if isinstance(transfer, Mapping):
            use = transfer["use"]
            raise InputError(
                f"Trace.to_torch: layer {h} has a transfer function of its own, {use}, which no module of PyTorch is;"
                " accepted: tanh, logistic, relu, linear, softmax"
            )
        if transfer == "softmax" and on_a_map:
            yield nn.Flatten()
            on_a_map = False
        if transfer in FUNCTIONS:
            yield getattr(nn, FUNCTIONS[transfer])()
        elif transfer == "softmax":
            yield nn.Softmax(1)
    if on_a_map:
        yield nn.Flatten()


def _with_weights(module: Any, weights: Mapping[str, NDArray[np.float32]], h: int, **keys: int) -> torch.nn.Module:
    """A Linear or Conv2d with layer h's W, whose units PyTorch has first, and b."""
    import torch

    w, b = torch.from_numpy(np.moveaxis(weights[f"W_{h}"], -1, 0).copy()), weights.get(f"b_{h}")
    kernel = {"kernel_size": w.shape[-1]} if w.ndim == 4 else {}
    made: torch.nn.Module = module(w.shape[1], w.shape[0], bias=b is not None, **kernel, **keys)
    state = {"weight": w} | ({} if b is None else {"bias": torch.from_numpy(b.copy())})
    made.load_state_dict(state)
    return made
