"""Powers and ReLU without f': how a state shows into which of its two regimes it is bound.

On a half-line of a1 (monomial.py) with q = alpha/beta and r = gamma/delta, r != q: u' = s c delta (r - P) with s =
+-1 the side, and P' = u^(2 mu) beta (q - P) + mu P u'/u. *The growing unit*: if v = s c delta (r - q) > 0, a band
around P = q is entered for good once u is large: a1 ~ s v t. *The growing top*: if r (q - r) > 0 and s c delta r > 0,
a band around P = r is entered for good once u is small: a2^2 ~ 2 r (alpha - beta r) t. Both bands only get harder to
leave. An adaptive c is c - rho a2 plus rho a2: it comes to rest while the unit grows, and grows with the top.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from channelsim.theory import monomial
from channelsim.theory.nonlinear import adapts, gain
from channelsim.theory.settle import Growth
from channelsim.theory.systems import Array, Hidden


def trap(system: Hidden) -> Callable[[Array], Growth | None]:
    """A function of a state: the growth that it is bound for, None where that cannot be said yet. Not for bp."""
    mu = monomial.exponent(system)
    sides = {sign: monomial.side(system, sign) for sign in (1, -1)}
    end = float(gain(system, np.array(0.0)))  # c once a2 has vanished

    def growth(x: Array) -> Growth | None:
        u, top = abs(float(x[0])), float(x[1])
        if u == 0:
            return None
        here = sides[int(np.sign(x[0]))]
        if here.beta == 0 or here.delta == 0:
            return _alone(system, here, mu, x)
        q, r, c = here.alpha / here.beta, here.gamma / here.delta, float(gain(system, x[1]))
        p, v, pull = top * u**mu, here.sign * end * here.delta * (r - q), here.sign * c * here.delta
        band = abs(r - q) / 4
        if (
            v > 0
            and abs(c - end) <= abs(end) / 8
            and abs(p - q) < band
            and u ** (2 * mu + 1) * here.beta * band > 1.5 * mu * (abs(q) + band) * v
        ):
            return _unit(system, here, mu, v, q, x)
        band = min(band, abs(r) / 4)
        if r * (q - r) > 0 and pull * r > 0 and abs(p - r) < band:
            widest = ((abs(r) + band) / abs(top)) ** (1 / mu)
            held = mu * (abs(r) - band) * abs(pull) * band
            if held > widest ** (2 * mu + 1) * here.beta * (abs(q - r) + band):
                k = float(np.sign(r) * np.sqrt(2 * r * here.beta * (q - r)))
                first = here.sign * abs(r / k) ** (1 / mu)
                growing = [("power", first, -1 / (2 * mu)), ("power", k, 0.5), ("power", system.rho * k, 0.5)]
                return _growth(x, growing)
        return None

    return growth


def _alone(system: Hidden, here: monomial.Side, mu: float, x: Array) -> Growth | None:
    """a1' does not depend on P: no input passes, or the inputs' moments cancel."""
    v = here.sign * float(gain(system, x[1])) * here.gamma
    if v <= 0:
        return None
    if here.beta == 0:
        return _growth(x, [("power", here.sign * v, 1.0), *[("bounded", float(rest), 0.0) for rest in x[1:]]])
    return None if adapts(system) else _unit(system, here, mu, v, here.alpha / here.beta, x)


def _unit(system: Hidden, here: monomial.Side, mu: float, v: float, q: float, x: Array) -> Growth:
    c = float(gain(system, np.array(0.0)))
    return _growth(x, [("power", here.sign * v, 1.0), ("power", q / v**mu, -mu), ("bounded", c, 0.0)])


def _growth(x: Array, of_each: list[tuple[str, float, float]]) -> Growth:
    """of_each: kind, coefficient and exponent of a1, a2 and c, of which x has the last one only if it is adapted."""
    kinds, coefficients, exponents = zip(*of_each[: x.size], strict=True)
    return Growth(x, kinds, np.array(coefficients), np.array(exponents))
