"""A data set and a metric of one's own: two half moons, and the accuracy of the class that is worst off."""

import numpy as np

import channelsim.extend as cx


@cx.dataset
def moons(p):
    rng = np.random.default_rng(5)
    y = np.arange(int(p.n)) % 2
    angle = np.pi * rng.random(len(y))
    x = np.stack([np.cos(angle) + y - 0.5, np.sin(angle) * (1 - 2 * y) + 0.25 * (2 * y - 1)], axis=1)
    x += p.noise * rng.normal(size=x.shape)
    half = len(y) // 2
    return (x[:half], y[:half]), (x[half:], y[half:])


@cx.metric
def worst_class(outputs, targets):
    right = outputs.argmax(axis=1) == targets
    return min(right[targets == c].mean() for c in np.unique(targets))
