"""A user's file: metrics and a data set. The tests name this file in their scenarios."""

from __future__ import annotations

from typing import Any

import numpy as np

import channelsim.extend as cx


@cx.metric
def correct(outputs: Any, targets: Any) -> Any:
    return (outputs.argmax(axis=1) == targets).mean()


@cx.metric(sets=["train", "test"])
def top_k(outputs: Any, targets: Any, p: Any) -> Any:
    best = np.argsort(-outputs, axis=1)[:, : int(p.k)]
    return (best == targets[:, None]).any(axis=1).mean()


@cx.metric
def broken(outputs: Any, targets: Any) -> Any:
    return outputs


@cx.dataset
def blobs(p: Any) -> Any:
    rng = np.random.default_rng(7)
    y = np.arange(int(p.n)) % 4
    x = rng.normal(size=(len(y), 16)) + 3 * np.eye(16)[y]
    half = len(y) // 2
    return (x[:half], y[:half]), (x[half:], y[half:])
