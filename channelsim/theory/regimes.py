"""Powers and ReLU without f': how a state shows into which of its two regimes it is bound.

On a half-line of a1 (monomial.py) with q = alpha/beta and r = gamma/delta, r != q: u' = s c delta (r - P) with s =
+-1 the side, and P' = u^(2 mu) beta (q - P) + mu P u'/u. *The growing unit*: if v = s c delta (r - q) > 0, a band
around P = q is entered for good once u is large: a1 ~ s v t. *The growing top*: if r (q - r) > 0 and s c delta r > 0,
a band around P = r is entered for good once u is small: a2^2 ~ 2 r (alpha - beta r) t. Both bands only get harder to
leave.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from channelsim.theory import monomial
from channelsim.theory.settle import Growth
from channelsim.theory.systems import Array, Hidden


def trap(system: Hidden) -> Callable[[Array], Growth | None]:
    """A function of a state: the growth that it is bound for, None where that cannot be said yet. Rule rbp or srbp."""
    mu = monomial.exponent(system)
    sides = {sign: monomial.side(system, sign) for sign in (1, -1)}

    def growth(x: Array) -> Growth | None:
        u, top = abs(float(x[0])), float(x[1])
        if u == 0:
            return None
        here = sides[int(np.sign(x[0]))]
        if here.beta == 0 or here.delta == 0:
            return _alone(system, here, mu, x)
        q, r, gain = here.alpha / here.beta, here.gamma / here.delta, here.sign * system.c * here.delta
        p, v = top * u**mu, gain * (r - q)
        band = abs(r - q) / 4
        if v > 0 and abs(p - q) < band and u ** (2 * mu + 1) * here.beta * band > 1.25 * mu * (abs(q) + band) * v:
            return _unit(here, mu, v, q, x)
        band = min(band, abs(r) / 4)
        if r * (q - r) > 0 and gain * r > 0 and abs(p - r) < band:
            widest = ((abs(r) + band) / abs(top)) ** (1 / mu)
            held = mu * (abs(r) - band) * abs(gain) * band
            if held > widest ** (2 * mu + 1) * here.beta * (abs(q - r) + band):
                k = float(np.sign(r) * np.sqrt(2 * r * here.beta * (q - r)))
                first = here.sign * abs(r / k) ** (1 / mu)
                return Growth(x, ("power", "power"), np.array([first, k]), np.array([-1 / (2 * mu), 0.5]))
        return None

    return growth


def _alone(system: Hidden, here: monomial.Side, mu: float, x: Array) -> Growth | None:
    """a1' does not depend on P: no input passes, or the inputs' moments cancel."""
    v = here.sign * system.c * here.gamma
    if v <= 0:
        return None
    if here.beta == 0:
        return Growth(x, ("power", "bounded"), np.array([here.sign * v, x[1]]), np.array([1.0, 0.0]))
    return _unit(here, mu, v, here.alpha / here.beta, x)


def _unit(here: monomial.Side, mu: float, v: float, q: float, x: Array) -> Growth:
    return Growth(x, ("power", "power"), np.array([here.sign * v, q / v**mu]), np.array([1.0, -mu]))
