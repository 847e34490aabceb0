"""Where a weight comes to rest, or circles, whose error is quantized: e_{n+1} = e_n - h Q(e_n).

h = rate times the square of the weight's input, summed like beta. The top layer receives the exact error, so a
quantized channel does not stop a chain unless the top is frozen.
"""

from __future__ import annotations

import numpy as np


def uniform_rest(h: float, step: float) -> tuple[float, float]:
    """(low, high): |e| at rest under rounding to multiples of `step` q: [q/2 - h q, q/2], for h <= 1."""
    return max(0.0, step / 2 - h * step), step / 2


def stochastic_uniform_mean_square(h: float, step: float) -> float:
    """The mean of e^2 under stochastic rounding to multiples of `step`, over starts: (h q)^2 / 6.

    A start keeps e on a grid of spacing h q; with e in (0, h q) on it the mean is e (h q - e).
    """
    return (h * step) ** 2 / 6


def ternary_rest(h: float, scale: float) -> tuple[float, float]:
    """(low, high): |e| at rest if `scale` a times its sign is sent from a/2 on, as by a uniform step a."""
    return uniform_rest(h, scale)


def sign_cycle(h: float, scale: float) -> tuple[float, float]:
    """(bound, rms): of |e| if `scale` times the sign of e is sent: h a, and h a / sqrt 3 over starts."""
    return h * scale, h * scale / np.sqrt(3)


def log2_cycle(h: float, scale: float, exponents: int) -> float:
    """The bound of |e| under powers of two from `scale` a down to a 2^(1 - exponents): h a 2^(1 - exponents)."""
    return h * scale * 2.0 ** (1 - exponents)


LOG2_CONTRACTS = float(np.sqrt(2))
"""The h below which every error above log2's smallest power shrinks at each update."""


def sign_on_hidden(rate: float, beta: float, a1: float, a2: float, c: float, scale: float) -> float:
    """|e| in the cycle of period 2 of a chain of two layers: signs to the hidden layer, the exact error at the top.

    About rate beta |c a2| a / (2 - rate beta a1^2), for c a2 > 0.
    """
    return rate * beta * abs(c * a2) * scale / (2 - rate * beta * a1**2)


def threshold_rest(h: float, threshold: float) -> tuple[float, float]:
    """(low, high): |e| at rest if only |e| >= threshold is sent: [(1 - h) theta, theta], for h <= 1."""
    return (1 - h) * threshold, threshold


def threshold_with_residual(h: float, threshold: float) -> float:
    """The bound of |e| in the end if what is not sent is added to the next error: h theta, with mean 0 over time."""
    return h * threshold


def sign_gain(flips: float) -> float:
    """The mean of a sign whose bit is flipped with probability p, relative to the sign: 1 - 2 p.

    So it is for the values of `ternary` beside 0: their words, 01 and 10, stay with (1 - p)^2, change places with p^2,
    and are lost otherwise.
    """
    return 1 - 2 * flips


def uniform_with_flips(value: float, step: float, bits: int, flips: float) -> float:
    """The mean of what arrives of `value`, a multiple of `step` q, in words of `bits` bits flipped with probability p.

    (1 - 2 p) v + p q - (K + 1) q Pr(all ones), K = 2^(bits - 1) - 1: words count from -K q up, and that of all ones,
    which no value has, arrives as 0. It is about values that are sent: 0 is no event, and arrives as 0.
    """
    most = 2 ** (bits - 1) - 1
    word = round(value / step) + most
    ones = bin(word).count("1")
    all_ones = (1 - flips) ** ones * flips ** (bits - ones)
    return (1 - 2 * flips) * value + flips * step - (most + 1) * step * all_ones
