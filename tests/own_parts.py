"""A user's file: stages of every kind. The tests name this file in their scenarios."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

import channelsim.extend as cx


@cx.stage(place="after quantize", draws=1)
def saturate(v: float, u: float, p: Any) -> float:
    return p.gain * v / (1 + abs(v) / p.limit) + 0.01 * (u - 0.5)


@cx.stage(place="before delivery")
def squash(v: float) -> float:
    return math.tanh(v)


@cx.stage(place="before threshold", draws=2, normal=True)
def jittered(v: float, u: Any, p: Any) -> float:
    return v * (1 + p.sigma * u[0]) + p.sigma * u[1] * abs(v)


@cx.stage(place="before threshold", over="message")
def top_k(values: Any, p: Any) -> None:
    k = int(p.k)
    if k < len(values):
        least = np.sort(np.abs(values))[len(values) - k]
        for i in range(len(values)):
            if abs(values[i]) < least:
                values[i] = 0.0


@cx.stage(place="after quantize", over="message", draws=1, normal=True, state=1)
def drift(values: Any, u: Any, state: Any, p: Any) -> None:
    for i in range(len(values)):
        state[0, i] = p.keep * state[0, i] + p.sigma * u[i]
        values[i] += state[0, i]


@cx.stage(place="before delivery", over="message", draws=2)
def shuffled(values: Any, u: Any) -> None:
    for i in range(len(values)):
        values[i] *= u[0, i] + u[1, i]


@cx.stage(place="after quantize")
def raises(v: float, p: Any) -> float:
    if v > p.above:
        raise ValueError("too large")
    return v


@cx.stage(place="after quantize")
def nan_above(v: float, p: Any) -> float:
    return math.nan if v > p.above else v
