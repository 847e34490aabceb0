"""Samples that have given moments: a power's weights depend on nothing else of the data."""

from __future__ import annotations

import numpy as np

from channelsim.theory.systems import Array


def realize(
    mu: float, alpha: float, beta: float, gamma: float | None = None, delta: float | None = None
) -> tuple[Array, Array, Array]:
    """Inputs of at least 0, targets and probabilities, (K,) each.

    They have E(T I^mu) = alpha and E(I^(2 mu)) = beta and, where these are given, E(T I) = gamma and
    E(I^(mu + 1)) = delta > 0. Raises ValueError where no inputs of at least 0 have such moments.
    """
    if gamma is None or delta is None:
        one = beta ** (1 / (2 * mu))
        return np.array([one]), np.array([alpha / one**mu]), np.array([1.0])
    if mu == 1:
        if delta != beta or gamma != alpha:
            raise ValueError("a power of 1 has gamma = alpha and delta = beta")
        return realize(mu, alpha, beta)
    centre = (beta / delta) ** (1 / (mu - 1))
    share = delta / centre ** (mu + 1)  # of a single input other than 0
    if share > 1 + 1e-12:
        raise ValueError("E(I^(mu + 1)) is at most E(I^(2 mu)) to the power (mu + 1)/(2 mu)")
    # Two inputs around the one; the closer they are to it, the closer their share is to its share.
    for spread in 2.0 ** -np.arange(1, 30):
        inputs = centre * np.array([1 - spread, 1 + spread])
        weights = np.linalg.solve(np.array([inputs ** (mu + 1), inputs ** (2 * mu)]), [delta, beta])
        if weights.sum() <= 1 and weights.min() > 0:
            targets = np.linalg.solve(np.array([inputs**mu, inputs]), [alpha, gamma]) / weights
            rest = 1 - weights.sum()
            return np.append(inputs, 0.0), np.append(targets, 0.0), np.append(weights, rest)
    if not np.isclose(gamma * centre**mu, alpha * centre, rtol=1e-9, atol=0):
        raise ValueError("all inputs must be the same, so alpha/gamma is their power mu - 1")
    return np.array([centre]), np.array([gamma / centre]), np.array([1.0])
