"""The slow, obvious twin of each compiled kernel: plain NumPy, one formula a function, nothing in place.

Sums are taken in float64, so a twin is nearer to the truth than the kernel that it judges.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from channelsim.plan import Kind

Floats = NDArray[np.float32]
F = np.float32


# --- dense layers: W is (rows, n), an input is a list of events (row, value) ------------------------------


def sum_of_rows(weights: Floats, index: NDArray[Any], value: Floats) -> NDArray[np.float64]:
    return np.asarray(value, np.float64) @ weights[index].astype(np.float64)


def updated_rows(weights: Floats, index: NDArray[Any], old: Floats, step: Floats) -> Floats:
    """The rows of `index` grown by old[row] * step."""
    grown = weights.copy()
    for r in index:
        grown[r] += old[r] * step
    return grown


def outer_sum(x: Floats, signal: Floats) -> NDArray[np.float64]:
    """sum_b x_b (x) R_b for x (B, rows) and R (B, n)."""
    return np.einsum("br,bn->rn", x.astype(np.float64), signal.astype(np.float64))


def events_of(x: Floats) -> tuple[NDArray[np.int32], Floats]:
    index = np.flatnonzero(x)
    return index.astype(np.int32), x[index]


# --- layers on maps: units are ordered channel, row, column -----------------------------------------------


def windows(layer: Any) -> list[tuple[int, int, list[tuple[int, int, int, int]]]]:
    """Each position (y, x) of a kernel or pool with its taps: (i, j) in the kernel, (row, column) on the map below.

    What lies on the padding is no tap. `layer` is a LAYER record.
    """
    kernel, stride, padding = int(layer["kernel"]), int(layer["stride"]), int(layer["padding"])
    found = []
    for y in range(layer["out_height"]):
        for x in range(layer["out_width"]):
            taps = []
            for i in range(kernel):
                for j in range(kernel):
                    row, column = y * stride + i - padding, x * stride + j - padding
                    if 0 <= row < layer["in_height"] and 0 <= column < layer["in_width"]:
                        taps.append((i, j, row, column))
            found.append((y, x, taps))
    return found


def maps_below(layer: Any, x: NDArray[Any]) -> NDArray[Any]:
    """What a layer hears, (B, fan_in) or (fan_in,), as maps."""
    return x.reshape(*x.shape[:-1], layer["in_channels"], layer["in_height"], layer["in_width"])


def maps(layer: Any, o: NDArray[Any]) -> NDArray[Any]:
    """What a layer says, (B, n) or (n,), as maps."""
    return o.reshape(*o.shape[:-1], layer["out_channels"], layer["out_height"], layer["out_width"])


def layer_forward(layer: Any, weights: NDArray[Any], bias: NDArray[Any], x: NDArray[Any]) -> NDArray[np.float64]:
    """S (n,) of a convolution or pool for one sample x (fan_in,)."""
    below, s, k = maps_below(layer, x.astype(np.float64)), maps(layer, np.zeros(layer["n"])), layer["kernel"]
    for row, column, taps in windows(layer):
        for o in range(len(s)):
            if layer["kind"] == Kind.CONV2D:
                s[o, row, column] = bias[o] + sum(
                    weights[(c * k + i) * k + j, o] * below[c, y, x] for c in range(len(below)) for i, j, y, x in taps
                )
            else:
                values = [below[o, y, x] for _, _, y, x in taps]
                s[o, row, column] = max(values) if layer["kind"] == Kind.MAXPOOL else sum(values) / len(values)
    return s.ravel()


def maxpool_error(layer: Any, x: NDArray[Any], m: NDArray[Any]) -> NDArray[np.float64]:
    """The error (fan_in,) that m (n,) makes: at the first largest value of each window."""
    below, said = maps_below(layer, x), maps(layer, m)
    error = np.zeros(below.shape)
    for row, column, taps in windows(layer):
        for c in range(len(below)):
            _, _, y, x = max(taps, key=lambda tap: below[c, tap[2], tap[3]])  # the first one of equals
            error[c, y, x] += said[c, row, column]
    return error.ravel()


@dataclass(frozen=True)
class Counts:
    """What a convolution counts for a frame's samples."""

    forward_macs: int
    error_macs: int
    update_macs: int
    writes: int


def convolution_counts(layer: Any, x: NDArray[Any], m: NDArray[Any], r: NDArray[Any]) -> Counts:
    """Counts from the events x (B, fan_in) that arrive, m (B, n) that goes back through the kernels, and R (B, n)."""
    heard, said, signal = maps_below(layer, x) != 0, maps(layer, m) != 0, maps(layer, r) != 0
    channels = heard.shape[1]
    forward = error = update = 0
    rows = set()
    for b in range(len(heard)):
        for row, column, taps in windows(layer):
            events = [(c, i, j) for c in range(channels) for i, j, y, x in taps if heard[b, c, y, x]]
            forward += len(events) * said.shape[1]
            error += int(said[b, :, row, column].sum()) * channels * len(taps)
            update += len(events) * int(signal[b, :, row, column].sum())
            if signal[b].any():
                rows.update(events)
    return Counts(forward, error, update, len(rows) * int(signal.any((0, 2, 3)).sum()))


# --- transfer functions ----------------------------------------------------------------------------------


def transfer(kind: str, s: NDArray[Any]) -> NDArray[np.float64]:
    s = np.asarray(s, np.float64)
    with np.errstate(over="ignore"):
        return {
            "linear": lambda: s,
            "tanh": lambda: np.tanh(s),
            "logistic": lambda: 1.0 / (1.0 + np.exp(-s)),
            "relu": lambda: np.where(s < 0.0, 0.0, s),
            "softmax": lambda: np.exp(s - s.max()) / np.exp(s - s.max()).sum(),
        }[kind]()


def derivative(kind: str, o: Floats) -> Floats:
    """f'(S) from O = f(S)."""
    one = np.ones_like(o)
    table = {"linear": one, "softmax": one, "tanh": one - o * o, "logistic": o * (one - o), "relu": (o > 0).astype(F)}
    return table[kind]


# --- quantizers ------------------------------------------------------------------------------------------


def scale(kind: str, fixed: float, values: Floats) -> np.float32:
    """a: the fixed number, or max or rms of the values that are not 0."""
    if kind == "fixed":
        return F(fixed)
    speaking = values[values != 0].astype(np.float64)
    if len(speaking) == 0:
        return F(0)
    return F(np.abs(speaking).max() if kind == "max" else np.sqrt(np.mean(speaking**2)))


def quantized(kind: str, levels: int, a: np.float32, values: Floats, draws: Floats | None = None) -> Floats:
    """Q(v) of each value; silence (0) stays silent. `draws` in [0, 1): stochastic rounding."""
    with np.errstate(over="ignore"):
        return _quantized(kind, levels, a, values, draws)


def _quantized(kind: str, levels: int, a: np.float32, values: Floats, draws: Floats | None) -> Floats:
    out = np.zeros_like(values)
    for i, v in enumerate(values):
        if v == 0 or a == 0:
            continue
        sign = F(1) if v > 0 else F(-1)
        if kind == "log2":
            level = round(min(max(math.log2(abs(F(v / a))), 1 - levels), 0))
            out[i] = a * sign * F(2.0**level)
        elif kind == "sign":
            out[i] = a * sign
        elif kind == "ternary":
            out[i] = a * sign if abs(v) >= F(0.5) * a else F(0)
        else:
            ratio = v * F(levels) / a
            level = np.rint(ratio) if draws is None else np.floor(ratio + draws[i])
            out[i] = np.clip(level, F(-levels), F(levels)) * (a / F(levels))
    return out


def flipped_positions(uniforms: NDArray[np.float64], probability: float, bits: int) -> list[int]:
    """Which bits of a word flip, from geometric gaps: floor(log(1 - u) / log(1 - p)) bits are left as they are."""
    if probability == 1.0:
        return list(range(bits))
    position, flips = -1, []
    for u in uniforms:
        position += math.floor(math.log1p(-u) / math.log1p(-probability)) + 1
        if position >= bits:
            break
        flips.append(position)
    return flips


# --- the clock -------------------------------------------------------------------------------------------


def occupation(bits: int, ps_a_bit: Fraction) -> int:
    return math.ceil(bits * ps_a_bit)


def first_come_first_served(
    offers: list[tuple[int, int]], ps_a_bit: Fraction, queue: int | None
) -> list[tuple[int, int, int] | None]:
    """(start, finish, messages met) of messages offered as (time, bits), in the order of time; None: lost."""
    sent: list[tuple[int, int, int] | None] = []
    for now, bits in offers:
        unfinished = [s for s in sent if s is not None and s[1] > now]
        if queue is not None and len(unfinished) > queue:
            sent.append(None)
            continue
        start = max([now, *(s[1] for s in unfinished)])
        sent.append((start, start + occupation(bits, ps_a_bit), len(unfinished)))
    return sent
