"""The paper's systems: small networks whose learning under random backpropagation is a differential equation.

A system is what is fixed (the data's second moments, the learning channel) together with the start. Its weights follow
the mean of an update per unit of time, where time is the learning rate times the number of updates, as the rate goes to
0. All numbers are float64. Source: Baldi, Sadowski and Lu, arXiv 1612.02734, sections on the mathematics of random
backpropagation; docs/theory.md says which statement is the paper's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Rule = Literal["bp", "rbp", "srbp", "arbp", "asrbp"]


@dataclass(frozen=True)
class Chain:
    """A[1, .., 1]: L linear layers of one unit each, without biases.

    a: (L,) the weights at the start, from the input on; c: (L-1,) one weight of the learning channel to each hidden
    layer (its start where the rule adapts it; unused by bp); alpha = E(IT), beta = E(I^2) > 0; rho: rate of c over that
    of a (arbp, asrbp). The error at the top is e = alpha - beta P with P the product of a; layer i follows a_i' = C_i e
    prod_{k<i} a_k, where C_L = 1 and C_i is c_i (srbp), c_i c_{i+1} .. c_{L-1} (rbp) or a_{i+1} .. a_L (bp).
    """

    rule: Rule
    a: Array
    c: Array
    alpha: float
    beta: float
    rho: float = 1.0


@dataclass(frozen=True)
class Branch:
    """A[1, N, 1]: one linear hidden layer of N units between one input and one output.

    a: (N,) into the hidden units; b: (N,) out of them; c: (N,) the learning channel (its start where the rule adapts
    it); alpha = E(IT), beta = E(I^2) > 0; rho: rate of c over that of a and b (arbp, asrbp).
    """

    rule: Rule
    a: Array
    b: Array
    c: Array
    alpha: float
    beta: float
    rho: float = 1.0


@dataclass(frozen=True)
class Matrix:
    """A[N0, N1, N2]: one linear hidden layer. With N1 = 1 it is the paper's bottleneck A[N, 1, M].

    a: (N1, N0) and b: (N2, N1), the weights at the start; c: (N1, N2) the learning channel; sigma_II: (N0, N0) = E(I
    I^T), positive definite; sigma_TI: (N2, N0) = E(T I^T); rho: rate of c over that of a and b (arbp, asrbp).
    """

    rule: Rule
    a: Array
    b: Array
    c: Array
    sigma_II: Array
    sigma_TI: Array
    rho: float = 1.0


@dataclass(frozen=True)
class Hidden:
    """A[1, 1, 1] with a non-linear hidden unit and a linear output.

    a: (2,) the weights at the start; c: the weight of the learning channel (its start where the rule adapts it; then
    rho is its rate over that of a); inputs, targets, weights: (K,) the samples
    and their probabilities, which sum to 1. `transfer` is "power" (S^power), "tanh", "logistic" or "relu"; without
    `derivative` the hidden unit's update leaves out f'.
    """

    rule: Rule
    a: Array
    c: float
    inputs: Array
    targets: Array
    weights: Array
    transfer: str
    power: float = 1.0
    derivative: bool = True
    rho: float = 1.0


System = Chain | Branch | Matrix | Hidden


@dataclass(frozen=True)
class Flow:
    """A system as an initial value problem: x' = velocity(x) from x = start, all float64.

    unpack turns a state x into named parameters ("a", "b", and "c" where the rule adapts it); jacobian is the matrix of
    the derivatives of velocity (n, n); invariants are functions of x, by name, that stay constant along every solution.
    """

    start: Array
    velocity: Callable[[Array], Array]
    jacobian: Callable[[Array], Array]
    unpack: Callable[[Array], dict[str, Array]]
    invariants: dict[str, Callable[[Array], Array]] = field(default_factory=dict)
