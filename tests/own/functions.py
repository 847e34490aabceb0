"""A user's file: stages of every kind, transfer functions and losses. The tests name this file in their scenarios."""

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


@cx.stage(place="before delivery", over="message", state=1)
def lag(values: Any, state: Any, p: Any) -> None:
    for i in range(len(values)):
        before, state[0, i] = state[0, i], values[i]
        values[i] = (1 - p.mix) * values[i] + p.mix * before


@cx.stage(place="before delivery", over="message", state=1)
def forgets_itself(values: Any, state: Any) -> None:
    state[0, 0] = np.sqrt(state[0, 0] - 1.0)


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


@cx.transfer(derivative=lambda o, p: 1.0 if o > 0 else p.slope, of="O")
def leaky_relu(s: float, p: Any) -> float:
    return s if s > 0 else p.slope * s


def gelu_slope(s: float) -> float:
    return 0.5 * (1 + math.erf(s / math.sqrt(2))) + s * math.exp(-s * s / 2) / math.sqrt(2 * math.pi)


@cx.transfer(derivative=gelu_slope, of="S")
def gelu(s: float) -> float:
    return 0.5 * s * (1 + math.erf(s / math.sqrt(2)))


@cx.transfer(derivative=lambda o: 1 - math.exp(-o), of="O")
def softplus(s: float) -> float:
    return math.log1p(math.exp(s)) if s < 30 else s


def slope_up_to(s: float, p: Any) -> float:
    if abs(s) > p.above:
        raise ValueError("too large")
    return 1.0


@cx.transfer(derivative=lambda o: 1.0, of="O")
def f_raises(s: float, p: Any) -> float:
    if abs(s) > p.above:
        raise ValueError("too large")
    return s


@cx.transfer(derivative=lambda o, p: math.nan if abs(o) > p.above else 1.0, of="O")
def slope_is_nan(s: float) -> float:
    return s


@cx.transfer(derivative=slope_up_to, of="S")
def slope_raises(s: float) -> float:
    return s


@cx.loss(error=lambda o, t, p: min(max(t - o, -p.delta), p.delta))
def huber(o: float, t: float, p: Any) -> float:
    apart = abs(t - o)
    return 0.5 * apart * apart if apart < p.delta else p.delta * (apart - 0.5 * p.delta)


def shares(s: Any) -> Any:
    powers = np.exp(s - s.max())
    return powers / powers.sum()


@cx.loss(over="sample", of="S", error=lambda s, t, p: (1 - p.smooth) * t + p.smooth / len(t) - shares(s))
def smoothed(s: Any, t: Any, p: Any) -> float:
    wanted = (1 - p.smooth) * t + p.smooth / len(t)
    return -(wanted * np.log(shares(s))).sum()


@cx.loss(error=lambda o, t, p: math.nan if abs(o) > p.above else t - o)
def error_is_nan(o: float, t: float) -> float:
    return 0.5 * (t - o) ** 2


@cx.loss(error=lambda o, t: t - o)
def loss_raises(o: float, t: float, p: Any) -> float:
    if abs(o) > p.above:
        raise ValueError("too large")
    return 0.5 * (t - o) ** 2
