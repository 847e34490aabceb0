"""The [theory] table: ten lines of TOML turned into one of the paper's systems.

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

from channelsim.scenario._table import nearest, shown
from channelsim.scenario._theory_keys import (
    canonical,
    matrix_rows,
    mistake,
    number,
    positive,
    sample_weights,
    vector,
    word,
)
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
ADAPTIVE = ("arbp", "asrbp")


def system_from(table: Mapping[str, Any]) -> System:
    """The system that a [theory] table describes; InputError names the key and what would be accepted."""
    keys = canonical(table)
    name = word(keys, "system", tuple(_KEYS))
    rule: Any = word(keys, "rule", RULES)
    known = ("system", "rule", *_KEYS[name])
    for key in keys:
        if key not in known:
            raise mistake(key, f" is unknown for system {name}{nearest(key, known)}", ", ".join(known))
    rho = _rho(keys, rule)
    if name == "hidden":
        return _hidden(keys, rule, rho)
    if name == "chain":
        a = vector(keys, "a")
        alpha, beta = _moments(keys)
        return Chain(rule, a, _learning(keys, rule, a.size - 1), alpha, beta, rho)
    if name == "branch":
        a = vector(keys, "a")
        b = vector(keys, "b", a.size)
        alpha, beta = _moments(keys)
        return Branch(rule, a, b, _learning(keys, rule, a.size), alpha, beta, rho)
    return _matrix(keys, rule, rho, narrow=name == "bottleneck")


def _learning(keys: Mapping[str, Any], rule: str, size: int) -> Array:
    """c of a chain or branch: unused by bp, and empty for one layer."""
    if "c" not in keys and (rule == "bp" or size == 0):
        return np.zeros(size)
    return vector(keys, "c", size)


def _rho(keys: Mapping[str, Any], rule: str) -> float:
    if "rho" not in keys:
        return 1.0
    if rule not in ADAPTIVE:
        raise mistake("rho", f": {rule} does not adapt c", "rule arbp or asrbp with rho, or no rho")
    return positive(keys, "rho", "a number above 0")


# --- data -------------------------------------------------------------------------------------------------


def _source(keys: Mapping[str, Any], ways: Sequence[Sequence[str]]) -> Sequence[str]:
    """The one of several groups of keys that gives the data; its first two keys must be there."""
    named = [way for way in ways if any(key in keys for key in way)]
    words = " or ".join(" and ".join(way[:2]) for way in ways)
    if not named:
        raise mistake(ways[0][0], " is missing", words)
    if len(named) > 1:
        first, second = (next(key for key in way if key in keys) for way in named[:2])
        raise mistake(first, f" and theory.{second} are both given", f"either {words}")
    for key in named[0][:2]:
        if key not in keys:
            other = next(name for name in named[0] if name in keys)
            raise mistake(key, f" is missing beside theory.{other}", words)
    return named[0]


def _moments(keys: Mapping[str, Any]) -> tuple[float, float]:
    """alpha = E(IT) and beta = E(I^2) for one input and one output."""
    way = _source(keys, (("alpha", "beta"), ("sigma_TI", "sigma_II"), _SAMPLES))
    if way is not _SAMPLES:
        return number(keys, way[0]), positive(keys, way[1], "a number above 0")
    inputs = vector(keys, "I")
    targets, weights = vector(keys, "T", inputs.size), sample_weights(keys, inputs.size)
    beta = float(weights @ inputs**2)
    if beta == 0:
        raise mistake("I", f" = {shown(keys['I'])}", "inputs of which some are not 0")
    return float(weights @ (inputs * targets)), beta


def _matrix(keys: Mapping[str, Any], rule: Rule, rho: float, narrow: bool) -> Matrix:
    a = matrix_rows(keys, "a", 1 if narrow else None, None)
    hidden, inputs = a.shape
    b = matrix_rows(keys, "b", None, hidden)
    outputs = b.shape[0]
    c = np.zeros((hidden, outputs)) if rule == "bp" and "c" not in keys else _c_rows(keys, hidden, outputs)
    sigma_ti, sigma_ii = _second_moments(keys, inputs, outputs)
    return Matrix(rule, a, b, c, sigma_ii, sigma_ti, rho)


def _c_rows(keys: Mapping[str, Any], hidden: int, outputs: int) -> Array:
    """(N1, N2); for a bottleneck also as a column, as b is."""
    value = keys.get("c")
    if hidden == 1 and outputs > 1 and isinstance(value, list) and len(value) == outputs:
        return vector(keys, "c", outputs).reshape(1, -1)
    return matrix_rows(keys, "c", hidden, outputs)


def _second_moments(keys: Mapping[str, Any], inputs: int, outputs: int) -> tuple[Array, Array]:
    """sigma_TI (N2, N0) and sigma_II (N0, N0)."""
    itself = _target(keys, inputs, outputs)
    ways = (("sigma_TI", "sigma_II"), _SAMPLES, ("alpha", "beta"))
    if itself:
        ways = (("sigma_II",), ("I", "weights"), ("beta",))  # type: ignore[assignment]
        way = [way for way in ways if any(key in keys for key in way)]
        if len(way) != 1:
            raise mistake("target", ' = "input"', "with it, one of sigma_II, I or beta")
        first = way[0][0]
    else:
        first = _source(keys, ways)[0]
    if first in ("alpha", "beta"):
        if (inputs, outputs) != (1, 1):
            raise mistake(
                "beta", f": {inputs} inputs and {outputs} outputs", "sigma_II and sigma_TI, or samples I and T"
            )
        sigma_ii = np.array([[positive(keys, "beta", "a number above 0")]])
        return (sigma_ii if itself else np.array([[number(keys, "alpha")]])), sigma_ii
    if first == "I":
        samples = matrix_rows(keys, "I", None, inputs)
        weights = sample_weights(keys, len(samples))
        targets = samples if itself else matrix_rows(keys, "T", len(samples), outputs)
        sigma_ii = samples.T @ (weights[:, None] * samples)
        if np.linalg.matrix_rank(sigma_ii, hermitian=True) < inputs:
            raise mistake(
                "I", f": E(I I^T) is singular, {len(samples)} samples of {inputs} inputs", "samples that span them"
            )
        return targets.T @ (weights[:, None] * samples), sigma_ii
    sigma_ii = matrix_rows(keys, "sigma_II", inputs, inputs)
    size = np.abs(sigma_ii).max()
    if np.abs(sigma_ii - sigma_ii.T).max() > 1e-12 * size or np.linalg.eigvalsh(sigma_ii).min() <= 1e-15 * size:
        raise mistake("sigma_II", f" = {shown(keys['sigma_II'])}", "a symmetric positive definite matrix")
    return (sigma_ii if itself else matrix_rows(keys, "sigma_TI", outputs, inputs)), sigma_ii


def _target(keys: Mapping[str, Any], inputs: int, outputs: int) -> bool:
    """Whether the target is the input itself (an autoencoder)."""
    if "target" not in keys:
        return False
    if keys["target"] != "input":
        raise mistake("target", f" = {shown(keys['target'])}", '"input"')
    if inputs != outputs:
        raise mistake("target", f' = "input" with {inputs} inputs and {outputs} outputs', "as many outputs as inputs")
    for key in ("T", "sigma_TI", "alpha"):
        if key in keys:
            raise mistake(key, ' beside target = "input"', "one of them")
    return True


# --- the non-linear system --------------------------------------------------------------------------------


def _hidden(keys: Mapping[str, Any], rule: Rule, rho: float) -> Hidden:
    a = vector(keys, "a", 2)
    c = 0.0 if rule == "bp" and "c" not in keys else number(keys, "c")
    transfer = word(keys, "transfer", TRANSFERS)
    derivative = keys.get("derivative", True)
    if not isinstance(derivative, bool):
        raise mistake("derivative", f" = {shown(derivative)}", "true or false")
    power = 1.0
    if transfer == "power":
        power = number(keys, "power", "a number of at least 1") if "power" in keys else 1.0
        if power < 1:
            raise mistake("power", f" = {shown(keys['power'])}", "a number of at least 1")
    elif "power" in keys:
        raise mistake("power", f' with transfer = "{transfer}"', 'transfer = "power" with power, or no power')
    inputs, targets, weights = _samples(keys, transfer, power, derivative)
    if not power.is_integer() and ((inputs < 0).any() or a[0] < 0):
        raise mistake("power", f" = {power:g} of a negative number", "an integer, or inputs and a1 of at least 0")
    return Hidden(rule, a, c, inputs, targets, weights, transfer, power, derivative, rho)


def _samples(keys: Mapping[str, Any], transfer: str, power: float, derivative: bool) -> tuple[Array, Array, Array]:
    """Inputs, targets and probabilities; for a power also by the moments that decide."""
    moments = ("alpha", "beta", "gamma", "delta")
    if transfer != "power":
        for key in moments:
            if key in keys:
                raise mistake(key, f' with transfer = "{transfer}"', "samples I and T")
    if _source(keys, (moments, _SAMPLES) if transfer == "power" else (_SAMPLES,)) is moments:
        return _realized(keys, power, derivative)
    inputs = vector(keys, "I")
    if not inputs.any():
        raise mistake("I", f" = {shown(keys['I'])}", "inputs of which some are not 0")
    return inputs, vector(keys, "T", inputs.size), sample_weights(keys, inputs.size)


def _realized(keys: Mapping[str, Any], power: float, derivative: bool) -> tuple[Array, Array, Array]:
    """Samples with alpha = E(T I^mu), beta = E(I^(2 mu)), and without f' gamma = E(T I), delta = E(I^(mu + 1))."""
    alpha, beta = number(keys, "alpha"), positive(keys, "beta", "a number above 0")
    if derivative:
        for key in ("gamma", "delta"):
            if key in keys:
                raise mistake(key, " with f'", f"derivative = false with {key}")
        return realize(power, alpha, beta)
    gamma, delta = number(keys, "gamma"), positive(keys, "delta", "a number above 0")
    try:
        found = realize(power, alpha, beta, gamma, delta)
    except ValueError as error:
        raise mistake(
            "delta", f" = {shown(keys['delta'])}: {error}", "moments that data can have, or samples I and T"
        ) from None
    if not all(math.isfinite(one) for row in found for one in row):
        raise mistake("delta", f" = {shown(keys['delta'])}", "moments closer to 1, or samples I and T")
    return found
