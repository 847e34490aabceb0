"""A scenario whose network is the system of its [theory] table."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from channelsim.errors import InputError
from channelsim.scenario._theory import ADAPTIVE, TRANSFERS, system_from
from channelsim.scenario._theory_keys import canonical, mistake, sample_weights, vector
from channelsim.theory.systems import Array, Branch, Chain, Hidden, Matrix, System

LEARNING_RATE = 0.05
EPOCHS = 1000
_FINEST = 1000  # samples that stand for probabilities, at most


def with_system(document: Mapping[str, Any], name: str) -> dict[str, Any]:
    """A document with [theory] as one without: network, data and rule are the system's, other keys lie over them.

    Raises InputError as `document_of`, and for a model beside [theory].
    """
    others = {key: value for key, value in document.items() if key != "theory"}
    if "model" in others:
        raise InputError("model is given, and so is theory, which has a network; accepted: one of them")
    if not isinstance(document["theory"], Mapping):
        raise InputError("theory is no table; accepted: a table [theory] with system, rule, a, c, alpha, beta, ..")
    training = others.get("training")
    rate = training.get("learning_rate", LEARNING_RATE) if isinstance(training, Mapping) else LEARNING_RATE
    found = document_of(document["theory"], str(others.get("name", name)), rate)
    _lay_over(found, others)
    return found


def _lay_over(below: dict[str, Any], above: Mapping[str, Any]) -> None:
    for key, value in above.items():
        if isinstance(value, Mapping) and isinstance(below.get(key), dict):
            _lay_over(below[key], value)
        else:
            below[key] = value


def document_of(table: Mapping[str, Any], name: str, rate: Any = LEARNING_RATE) -> dict[str, Any]:
    """The tables of a scenario whose network is the system of a [theory] table, learned in full batches.

    A chain or branch has the samples of the table if it has any, else one sample with its moments; a matrix has as many
    as inputs. Raises InputError as `system_from`, and for what the engine does not have: a power, or probabilities that
    no few samples have.
    """
    system, keys = system_from(table), canonical(table)
    inputs, targets = _as_samples(system, keys)
    learning: dict[str, Any] = {"rule": system.rule}
    if system.rule != "bp" and (wires := _wires(system)):
        learning["feedback"] = {"C": wires}
    if system.rule in ADAPTIVE and isinstance(rate, int | float):
        learning["learning_rate"] = system.rho * rate
    if isinstance(system, Hidden):
        learning["derivative"] = system.derivative
    matrices, hidden = _matrices(system)
    layers = [{"kind": "dense", "units": w.shape[1], "transfer": "linear", "W": w.tolist()} for w in matrices]
    for layer in layers[:-1]:
        layer["transfer"] = hidden
    return {
        "name": name,
        "model": {"name": name, "input": [matrices[0].shape[0]], "bias": False, "layers": layers},
        "data": {"train_x": inputs.tolist(), "train_y": targets.tolist(), "target": "real"},
        "learning": learning,
        "training": {"loss": "squared", "batch": "all", "learning_rate": LEARNING_RATE, "epochs": EPOCHS},
        "trace": {"weights": "every 100 epochs"},
    }


def _matrices(system: System) -> tuple[list[Array], str]:
    """W of each layer, (inputs, units), and the transfer function of the hidden ones."""
    match system:
        case Chain():
            return [np.array([[a]]) for a in system.a], "linear"
        case Branch():
            return [system.a[None, :], system.b[:, None]], "linear"
        case Matrix():
            return [system.a.T, system.b.T], "linear"
        case Hidden():
            if system.transfer == "power":
                known = ", ".join(word for word in TRANSFERS if word != "power")
                raise mistake("transfer", ' = "power", which the engine does not have', f"{known} to run it")
            return [np.array([[a]]) for a in system.a], system.transfer


def _wires(system: System) -> dict[str, Any]:
    """C by the layer that receives, a row for each unit that sends."""
    match system:
        case Chain():
            return {str(h): [[c]] for h, c in enumerate(system.c.tolist(), 1)}
        case Branch():
            return {"1": [system.c.tolist()]}
        case Matrix():
            return {"1": system.c.T.tolist()}
        case Hidden():
            return {"1": [[system.c]]}


def _as_samples(system: System, keys: Mapping[str, Any]) -> tuple[Array, Array]:
    """Inputs (N, n_0) and targets (N, n_L), all of the same weight, with the system's moments."""
    if isinstance(system, Hidden):
        often = _often(system.weights)
        return np.repeat(system.inputs, often)[:, None], np.repeat(system.targets, often)[:, None]
    if isinstance(system, Matrix):
        root = np.asarray(np.linalg.cholesky(system.sigma_II) * math.sqrt(len(system.sigma_II)), np.float64)
        teacher = np.asarray(np.linalg.solve(system.sigma_II, system.sigma_TI.T), np.float64)
        return root.T, root.T @ teacher
    if "I" in keys:
        inputs, targets = vector(keys, "I"), vector(keys, "T")
        often = _often(sample_weights(keys, inputs.size))
        return np.repeat(inputs, often)[:, None], np.repeat(targets, often)[:, None]
    one = math.sqrt(system.beta)
    return np.array([[one]]), np.array([[system.alpha / one]])


def _often(weights: Array) -> npt.NDArray[np.int64]:
    """How often each sample has to be there, that all of them have the same weight."""
    for samples in range(1, _FINEST + 1):
        often = np.rint(weights * samples)
        if often.sum() and np.abs(often / often.sum() - weights).max() < 1e-9:
            return often.astype(np.int64)
    raise mistake("weights", f" are no multiples of 1/n for any n up to {_FINEST}", "such numbers, to run it")
