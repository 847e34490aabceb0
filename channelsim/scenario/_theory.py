"""The [theory] table: ten lines of TOML turned into one of the paper's systems, and that into a whole scenario.

[theory]
system = "chain"
rule = "rbp"
a = [0.3, -0.5]
c = [0.8]
alpha = 1.0
beta = 1.0

Parameters are a number, a list, or rows, whatever gives the size that the system wants; A, B and C may stand for a, b
and c. chain: a (L), c (L - 1). branch: a, b, c (N). bottleneck: a (N), b (M), c (M). matrix: a (N1 x N0), b (N2 x N1),
c (N1 x N2). hidden: a (2), c, transfer ("power", "tanh", "logistic", "relu"), power (of "power"), derivative (true:
with f').

bp needs no c; arbp and asrbp take rho. The data are given by moments, alpha = E(IT) and beta = E(I^2) or sigma_TI =
E(T I^T) and sigma_II = E(I I^T), or by samples I and T, one a row, with their weights, which need not sum to 1. For
bottleneck and matrix, target = "input" stands for T. A power's alpha, beta, gamma and delta are E(T I^mu),
E(I^(2 mu)), E(TI) and E(I^(mu + 1)), the last two without f' only.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, get_args

import numpy as np
import numpy.typing as npt

from channelsim.errors import InputError
from channelsim.scenario._table import nearest, shown
from channelsim.theory.samples import realize
from channelsim.theory.systems import Array, Branch, Chain, Hidden, Matrix, Rule, System

RULES: tuple[str, ...] = get_args(Rule)
TRANSFERS = ("power", "tanh", "logistic", "relu")
_SAMPLES = ("I", "T", "weights")
_KEYS: dict[str, tuple[str, ...]] = {
    "chain": ("a", "c", "rho", "alpha", "beta", "sigma_TI", "sigma_II", *_SAMPLES),
    "branch": ("a", "b", "c", "rho", "alpha", "beta", "sigma_TI", "sigma_II", *_SAMPLES),
    "bottleneck": ("a", "b", "c", "rho", "alpha", "beta", "sigma_TI", "sigma_II", "target", *_SAMPLES),
    "matrix": ("a", "b", "c", "rho", "alpha", "beta", "sigma_TI", "sigma_II", "target", *_SAMPLES),
    "hidden": ("a", "c", "rho", "transfer", "power", "derivative", "alpha", "beta", "gamma", "delta", *_SAMPLES),
}
_ADAPTIVE = ("arbp", "asrbp")
_LARGEST = 1e100  # products of a few such numbers are still float64


def system_from(table: Mapping[str, Any]) -> System:
    """The system that a [theory] table describes; InputError names the key and what would be accepted."""
    keys = _canonical(table)
    name = _word(keys, "system", tuple(_KEYS))
    rule: Any = _word(keys, "rule", RULES)
    known = ("system", "rule", *_KEYS[name])
    for key in keys:
        if key not in known:
            raise _error(key, f" is unknown for system {name}{nearest(key, known)}", ", ".join(known))
    rho = _rho(keys, rule)
    if name == "hidden":
        return _hidden(keys, rule, rho)
    if name == "chain":
        a = _vector(keys, "a")
        alpha, beta = _moments(keys)
        return Chain(rule, a, _learning(keys, rule, a.size - 1), alpha, beta, rho)
    if name == "branch":
        a = _vector(keys, "a")
        b = _vector(keys, "b", a.size)
        alpha, beta = _moments(keys)
        return Branch(rule, a, b, _learning(keys, rule, a.size), alpha, beta, rho)
    return _matrix(keys, rule, rho, narrow=name == "bottleneck")


# --- keys -------------------------------------------------------------------------------------------------


def _error(key: str, problem: str, accepted: str) -> InputError:
    return InputError(f"theory.{key}{problem}; accepted: {accepted}")


def _canonical(table: Mapping[str, Any]) -> dict[str, Any]:
    """The table with a, b and c in lower case."""
    keys: dict[str, Any] = {}
    for key, value in table.items():
        small = key.lower() if key in ("A", "B", "C") else key
        if small in keys:
            raise _error(key, f" and theory.{small} are the same", "one of them")
        keys[small] = value
    return keys


def _word(keys: Mapping[str, Any], key: str, known: Sequence[str]) -> str:
    accepted = ", ".join(f'"{word}"' for word in known)
    if key not in keys:
        raise _error(key, " is missing", accepted)
    value = keys[key]
    if not isinstance(value, str) or value not in known:
        near = nearest(value, known) if isinstance(value, str) else ""
        raise _error(key, f" = {shown(value)}{near}", accepted)
    return value


def _numbers(keys: Mapping[str, Any], key: str, accepted: str) -> Array:
    """A number, a list of numbers or a list of rows as an array of 0, 1 or 2 dimensions."""
    if key not in keys:
        raise _error(key, " is missing", accepted)
    value = keys[key]
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    _check(key, value, value, accepted, depth=0)
    try:
        return np.array(value, np.float64)
    except ValueError:
        raise _error(key, f" = {shown(value)}: rows of different lengths", accepted) from None


def _check(key: str, value: Any, whole: Any, accepted: str, depth: int) -> None:
    if isinstance(value, list | tuple):
        if depth == 2:
            raise _error(key, f" = {shown(whole)}: lists within rows", accepted)
        for item in value:
            _check(key, item, whole, accepted, depth + 1)
    elif isinstance(value, bool) or not isinstance(value, int | float):
        raise _error(key, f" = {shown(whole)}: {shown(value)} is no number", accepted)
    elif not abs(value) <= _LARGEST:
        raise _error(key, f" = {shown(whole)}: not finite, or beyond {_LARGEST:g}", accepted)


def _number(keys: Mapping[str, Any], key: str, accepted: str = "a number") -> float:
    found = _numbers(keys, key, accepted)
    if found.size != 1:
        raise _error(key, f" = {shown(keys[key])}", accepted)
    return float(found.reshape(-1)[0])


def _positive(keys: Mapping[str, Any], key: str, accepted: str) -> float:
    value = _number(keys, key, accepted)
    if value <= 0:
        raise _error(key, f" = {shown(keys[key])}", accepted)
    return value


def _vector(keys: Mapping[str, Any], key: str, size: int | None = None) -> Array:
    """(size,): a list, one row, one column, or a number where one is wanted."""
    accepted = "a list of numbers" if size is None else f"{size} number" + "s" * (size != 1)
    found = _numbers(keys, key, accepted)
    if found.ndim == 2 and 1 not in found.shape:
        raise _error(key, f" = {shown(keys[key])}", accepted)
    found = found.reshape(-1)
    if size is None and found.size == 0:
        raise _error(key, " = []", "at least one number")
    if size is not None and found.size != size:
        raise _error(key, f" has {found.size} number" + "s" * (found.size != 1), accepted)
    return found


def _rows(keys: Mapping[str, Any], key: str, rows: int | None, columns: int | None) -> Array:
    """(rows, columns): rows, or a list or a number where one row or one column is wanted."""
    wanted = " x ".join("any number" if size is None else str(size) for size in (rows, columns))
    accepted = f"rows of numbers, {wanted}"
    found = _numbers(keys, key, accepted)
    if found.ndim < 2:
        found = found.reshape(-1, 1) if columns == 1 else found.reshape(1, -1)
    if found.size == 0 or any(size not in (None, got) for size, got in zip((rows, columns), found.shape, strict=True)):
        raise _error(key, f" is {' x '.join(map(str, found.shape))}", accepted)
    return found


def _learning(keys: Mapping[str, Any], rule: str, size: int) -> Array:
    """c of a chain or branch: unused by bp, and empty for one layer."""
    if "c" not in keys and (rule == "bp" or size == 0):
        return np.zeros(size)
    return _vector(keys, "c", size)


def _rho(keys: Mapping[str, Any], rule: str) -> float:
    if "rho" not in keys:
        return 1.0
    if rule not in _ADAPTIVE:
        raise _error("rho", f": {rule} does not adapt c", "rule arbp or asrbp with rho, or no rho")
    return _positive(keys, "rho", "a number above 0")


# --- data -------------------------------------------------------------------------------------------------


def _source(keys: Mapping[str, Any], ways: Sequence[Sequence[str]]) -> Sequence[str]:
    """The one of several groups of keys that gives the data; its first two keys must be there."""
    named = [way for way in ways if any(key in keys for key in way)]
    words = " or ".join(" and ".join(way[:2]) for way in ways)
    if not named:
        raise _error(ways[0][0], " is missing", words)
    if len(named) > 1:
        first, second = (next(key for key in way if key in keys) for way in named[:2])
        raise _error(first, f" and theory.{second} are both given", f"either {words}")
    for key in named[0][:2]:
        if key not in keys:
            other = next(name for name in named[0] if name in keys)
            raise _error(key, f" is missing beside theory.{other}", words)
    return named[0]


def _moments(keys: Mapping[str, Any]) -> tuple[float, float]:
    """alpha = E(IT) and beta = E(I^2) for one input and one output."""
    way = _source(keys, (("alpha", "beta"), ("sigma_TI", "sigma_II"), _SAMPLES))
    if way is not _SAMPLES:
        return _number(keys, way[0]), _positive(keys, way[1], "a number above 0")
    inputs = _vector(keys, "I")
    targets, weights = _vector(keys, "T", inputs.size), _weights(keys, inputs.size)
    beta = float(weights @ inputs**2)
    if beta == 0:
        raise _error("I", f" = {shown(keys['I'])}", "inputs of which some are not 0")
    return float(weights @ (inputs * targets)), beta


def _weights(keys: Mapping[str, Any], size: int) -> Array:
    """The probabilities of the samples, which sum to 1: as given, up to a factor, or all the same."""
    if "weights" not in keys:
        return np.full(size, 1 / size)
    weights = _vector(keys, "weights", size)
    if (weights < 0).any() or not weights.any():
        raise _error("weights", f" = {shown(keys['weights'])}", f"{size} numbers of at least 0, not all 0")
    return weights / weights.sum()


def _matrix(keys: Mapping[str, Any], rule: Rule, rho: float, narrow: bool) -> Matrix:
    a = _rows(keys, "a", 1 if narrow else None, None)
    hidden, inputs = a.shape
    b = _rows(keys, "b", None, hidden)
    outputs = b.shape[0]
    c = np.zeros((hidden, outputs)) if rule == "bp" and "c" not in keys else _c_rows(keys, hidden, outputs)
    sigma_ti, sigma_ii = _second_moments(keys, inputs, outputs)
    return Matrix(rule, a, b, c, sigma_ii, sigma_ti, rho)


def _c_rows(keys: Mapping[str, Any], hidden: int, outputs: int) -> Array:
    """(N1, N2); for a bottleneck also as a column, as b is."""
    value = keys.get("c")
    if hidden == 1 and outputs > 1 and isinstance(value, list) and len(value) == outputs:
        return _vector(keys, "c", outputs).reshape(1, -1)
    return _rows(keys, "c", hidden, outputs)


def _second_moments(keys: Mapping[str, Any], inputs: int, outputs: int) -> tuple[Array, Array]:
    """sigma_TI (N2, N0) and sigma_II (N0, N0)."""
    itself = _target(keys, inputs, outputs)
    ways = (("sigma_TI", "sigma_II"), _SAMPLES, ("alpha", "beta"))
    if itself:
        ways = (("sigma_II",), ("I", "weights"), ("beta",))  # type: ignore[assignment]
        way = [way for way in ways if any(key in keys for key in way)]
        if len(way) != 1:
            raise _error("target", ' = "input"', "with it, one of sigma_II, I or beta")
        first = way[0][0]
    else:
        first = _source(keys, ways)[0]
    if first in ("alpha", "beta"):
        if (inputs, outputs) != (1, 1):
            raise _error(
                "beta", f": {inputs} inputs and {outputs} outputs", "sigma_II and sigma_TI, or samples I and T"
            )
        sigma_ii = np.array([[_positive(keys, "beta", "a number above 0")]])
        return (sigma_ii if itself else np.array([[_number(keys, "alpha")]])), sigma_ii
    if first == "I":
        samples = _rows(keys, "I", None, inputs)
        weights = _weights(keys, len(samples))
        targets = samples if itself else _rows(keys, "T", len(samples), outputs)
        sigma_ii = samples.T @ (weights[:, None] * samples)
        if np.linalg.matrix_rank(sigma_ii, hermitian=True) < inputs:
            raise _error(
                "I", f": E(I I^T) is singular, {len(samples)} samples of {inputs} inputs", "samples that span them"
            )
        return targets.T @ (weights[:, None] * samples), sigma_ii
    sigma_ii = _rows(keys, "sigma_II", inputs, inputs)
    size = np.abs(sigma_ii).max()
    if np.abs(sigma_ii - sigma_ii.T).max() > 1e-12 * size or np.linalg.eigvalsh(sigma_ii).min() <= 1e-15 * size:
        raise _error("sigma_II", f" = {shown(keys['sigma_II'])}", "a symmetric positive definite matrix")
    return (sigma_ii if itself else _rows(keys, "sigma_TI", outputs, inputs)), sigma_ii


def _target(keys: Mapping[str, Any], inputs: int, outputs: int) -> bool:
    """Whether the target is the input itself (an autoencoder)."""
    if "target" not in keys:
        return False
    if keys["target"] != "input":
        raise _error("target", f" = {shown(keys['target'])}", '"input"')
    if inputs != outputs:
        raise _error("target", f' = "input" with {inputs} inputs and {outputs} outputs', "as many outputs as inputs")
    for key in ("T", "sigma_TI", "alpha"):
        if key in keys:
            raise _error(key, ' beside target = "input"', "one of them")
    return True


# --- the non-linear system --------------------------------------------------------------------------------


def _hidden(keys: Mapping[str, Any], rule: Rule, rho: float) -> Hidden:
    a = _vector(keys, "a", 2)
    c = 0.0 if rule == "bp" and "c" not in keys else _number(keys, "c")
    transfer = _word(keys, "transfer", TRANSFERS)
    derivative = keys.get("derivative", True)
    if not isinstance(derivative, bool):
        raise _error("derivative", f" = {shown(derivative)}", "true or false")
    power = 1.0
    if transfer == "power":
        power = _number(keys, "power", "a number of at least 1") if "power" in keys else 1.0
        if power < 1:
            raise _error("power", f" = {shown(keys['power'])}", "a number of at least 1")
    elif "power" in keys:
        raise _error("power", f' with transfer = "{transfer}"', 'transfer = "power" with power, or no power')
    inputs, targets, weights = _samples(keys, transfer, power, derivative)
    if not power.is_integer() and ((inputs < 0).any() or a[0] < 0):
        raise _error("power", f" = {power:g} of a negative number", "an integer, or inputs and a1 of at least 0")
    return Hidden(rule, a, c, inputs, targets, weights, transfer, power, derivative, rho)


def _samples(keys: Mapping[str, Any], transfer: str, power: float, derivative: bool) -> tuple[Array, Array, Array]:
    """Inputs, targets and probabilities; for a power also by the moments that decide."""
    moments = ("alpha", "beta", "gamma", "delta")
    if transfer != "power":
        for key in moments:
            if key in keys:
                raise _error(key, f' with transfer = "{transfer}"', "samples I and T")
    if _source(keys, (moments, _SAMPLES) if transfer == "power" else (_SAMPLES,)) is moments:
        return _realized(keys, power, derivative)
    inputs = _vector(keys, "I")
    if not inputs.any():
        raise _error("I", f" = {shown(keys['I'])}", "inputs of which some are not 0")
    return inputs, _vector(keys, "T", inputs.size), _weights(keys, inputs.size)


def _realized(keys: Mapping[str, Any], power: float, derivative: bool) -> tuple[Array, Array, Array]:
    """Samples with alpha = E(T I^mu), beta = E(I^(2 mu)), and without f' gamma = E(T I), delta = E(I^(mu + 1))."""
    alpha, beta = _number(keys, "alpha"), _positive(keys, "beta", "a number above 0")
    if derivative:
        for key in ("gamma", "delta"):
            if key in keys:
                raise _error(key, " with f'", f"derivative = false with {key}")
        return realize(power, alpha, beta)
    gamma, delta = _number(keys, "gamma"), _positive(keys, "delta", "a number above 0")
    try:
        found = realize(power, alpha, beta, gamma, delta)
    except ValueError as error:
        raise _error(
            "delta", f" = {shown(keys['delta'])}: {error}", "moments that data can have, or samples I and T"
        ) from None
    if not all(math.isfinite(one) for row in found for one in row):
        raise _error("delta", f" = {shown(keys['delta'])}", "moments closer to 1, or samples I and T")
    return found


# --- the system as a scenario ---------------------------------------------------------------------------------

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
    system, keys = system_from(table), _canonical(table)
    inputs, targets = _as_samples(system, keys)
    learning: dict[str, Any] = {"rule": system.rule}
    if system.rule != "bp" and (wires := _wires(system)):
        learning["feedback"] = {"C": wires}
    if system.rule in _ADAPTIVE and isinstance(rate, int | float):
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
                raise _error("transfer", ' = "power", which the engine does not have', f"{known} to run it")
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
        inputs, targets = _vector(keys, "I"), _vector(keys, "T")
        often = _often(_weights(keys, inputs.size))
        return np.repeat(inputs, often)[:, None], np.repeat(targets, often)[:, None]
    one = math.sqrt(system.beta)
    return np.array([[one]]), np.array([[system.alpha / one]])


def _often(weights: Array) -> npt.NDArray[np.int64]:
    """How often each sample has to be there, that all of them have the same weight."""
    for samples in range(1, _FINEST + 1):
        often = np.rint(weights * samples)
        if often.sum() and np.abs(often / often.sum() - weights).max() < 1e-9:
            return often.astype(np.int64)
    raise _error("weights", f" are no multiples of 1/n for any n up to {_FINEST}", "such numbers, to run it")
