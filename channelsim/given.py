"""Files of weights: traces, .npz files and state dicts of PyTorch, read for a network.

An .npz has the names that a trace has: W_1 (inputs, units), of a convolution (channels, rows, columns, maps), b_1, and
C_1 (units of the layer that sends, units of layer 1). A state dict has the layers with weights in its order.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from channelsim.errors import InputError
from channelsim.plan import Tables
from channelsim.plan.given import Arrays, fitted_feedback, fitted_synapses
from channelsim.scenario import Scenario
from channelsim.trace import Trace


def load(scenario: Scenario, found: Tables) -> Arrays:
    """What the files that a scenario names give to a network of this structure, for `plan.build`.

    Raises InputError: one line with the file, the array and what was found, where one cannot be read or does not fit.
    """
    weights, feedback = scenario.model.weights, scenario.learning.feedback
    given: dict[str, NDArray[np.float32]] = {}
    if weights.file is not None:
        arrays = read(Path(weights.file), weights.epoch, found.layers)
        given |= fitted_synapses(weights.file, arrays, found.layers)
        if weights.feedback and not feedback.given and any(name.startswith("C_") for name in arrays):
            given |= fitted_feedback(weights.file, arrays, found.layers, found.edges)
    if feedback.file is not None:
        arrays = read(Path(feedback.file), feedback.epoch, found.layers)
        given |= fitted_feedback(feedback.file, arrays, found.layers, found.edges)
    return given


def read(path: Path, epoch: int | None, layers: NDArray[Any]) -> Mapping[str, NDArray[Any]]:
    """The arrays of a file by name, as a trace names them. `layers`: the network that a state dict is read for."""
    if path.suffix == ".h5":
        with Trace(path) as trace:
            return trace.weights(epoch)
    if not path.is_file():
        raise InputError(f"{path}: no such file of weights; accepted: a trace (.h5), an .npz, a state dict (.pt, .pth)")
    return _npz(path) if path.suffix == ".npz" else _state_dict(path, layers)


def _npz(path: Path) -> dict[str, NDArray[Any]]:
    accepted = "accepted: a file written by numpy.savez, with arrays W_1, b_1, C_1, ..."
    try:
        with path.open("rb") as stream:
            file = np.load(stream, allow_pickle=False)
            if not isinstance(file, np.lib.npyio.NpzFile):
                raise ValueError("it holds a single array")
            with file:
                return {key: file[key] for key in file.files}
    except (ValueError, EOFError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        raise InputError(f"{path}: cannot be read as .npz ({error}); {accepted}") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error}); {accepted}") from None


# --- PyTorch ----------------------------------------------------------------------------------------------


def _state_dict(path: Path, layers: NDArray[Any]) -> dict[str, NDArray[Any]]:
    """A state dict's weights and biases under the names of a trace: its layers are those with synapses, in order."""
    tensors = _tensors(path)
    learners = np.flatnonzero(layers["w_size"]).tolist()
    modules = list(dict.fromkeys(key.rpartition(".")[0] for key in tensors))
    for key in tensors:
        if key.rpartition(".")[2] not in ("weight", "bias"):
            raise InputError(f"{path}: {key} is neither weight nor bias of a layer; accepted: Linear and Conv2d")
    if len(modules) != len(learners):
        raise InputError(
            f"{path}: has {len(modules)} layers with weights; accepted: {len(learners)}, as the network has"
        )
    found = {}
    for h, module in zip(learners, modules, strict=True):
        prefix = f"{module}." if module else ""
        if f"{prefix}weight" in tensors:
            found[f"W_{h}"] = _units_last(path, f"{prefix}weight", tensors[f"{prefix}weight"], layers[h])
        if f"{prefix}bias" in tensors:
            found[f"b_{h}"] = tensors[f"{prefix}bias"]
    return found


def _units_last(path: Path, key: str, weight: NDArray[Any], layer: Any) -> NDArray[Any]:
    """A module's weight, whose first dimension is that of the units, as W has it."""
    maps = int(layer["out_channels"]), int(layer["in_channels"]), int(layer["kernel"]), int(layer["kernel"])
    expected = maps if layer["kernel"] else (int(layer["n"]), int(layer["fan_in"]))
    if weight.shape != expected:
        raise InputError(f"{path}: {key} has shape {weight.shape}; accepted: {expected}")
    return np.moveaxis(weight, 0, -1)


def _tensors(path: Path) -> dict[str, NDArray[Any]]:
    """The tensors of a state dict as arrays. Loads no code: other objects than tensors are refused."""
    try:
        import torch
    except ModuleNotFoundError:
        raise InputError(f"{path}: needs PyTorch to be read: pip install 'channelsim[reference]'") from None
    accepted = "accepted: torch.save(model.state_dict(), FILE)"
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # of whatever kind its unpickler happens to meet
        reason = " ".join(str(error).split())[:120]
        raise InputError(f"{path}: cannot be read as a state dict ({reason}); {accepted}") from None
    if not isinstance(state, Mapping) or not all(isinstance(value, torch.Tensor) for value in state.values()):
        raise InputError(f"{path}: holds no state dict, but a {type(state).__name__}; {accepted}")
    return {str(key): tensor.detach().double().numpy() for key, tensor in state.items()}
