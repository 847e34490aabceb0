"""A layer of the simulator of single neurons: which neurons have wires, which wires share a weight, what a neuron says.

Plain loops over positions and taps; units are ordered channel, row, column.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from channelsim import hashing
from channelsim.hashing import Stream
from channelsim.plan import Direction, Kind, Plan, Transfer
from tests.naive import windows


class Layer:
    """Neurons with their synapses, what they remember, and the time when they are free to compute again."""

    def __init__(self, plan: Plan, h: int) -> None:
        record = plan.layers[h]
        self.n, self.transfer = int(record["n"]), Transfer(int(record["transfer"]))
        self.kind = Kind(int(record["kind"]))
        self.compute = {
            Direction.FORWARD: int(record["compute_forward"]),
            Direction.LEARNING: int(record["compute_learning"]),
        }
        w, b = int(record["w_offset"]), int(record["b_offset"])
        self.stored = plan.weights[w : w + int(record["w_size"])].astype(np.float64)
        self.places = places(record)  # of each pair of neurons: which of the stored weights, or -1
        self.w = self.spread(self.stored)
        biases = plan.biases[b : b + int(record["b_size"])].astype(np.float64)
        self.same_bias = self.n // max(len(biases), 1)  # neurons of one channel share their bias
        self.b = biases.repeat(self.same_bias)
        self.w_speed, self.b_speed = np.zeros_like(self.w), np.zeros_like(self.b)
        self.pools = pools(record) if h and not len(biases) else []
        self.free = 0
        self.newest = -1
        self.memory: dict[int, list[tuple[Any, Any]]] = {}  # frame -> per sample: input heard, activity

    def spread(self, stored: Any) -> Any:
        """A value for each stored weight, at each pair of neurons (fan-in, n) that has it; elsewhere 0."""
        return np.where(self.places >= 0, np.append(stored, 0.0)[self.places], 0.0)

    def shared(self, steps: Any) -> Any:
        """A step for each pair of neurons: what all those with one weight do together."""
        there = self.places >= 0
        return self.spread(np.bincount(self.places[there], steps[there], len(self.stored)))

    def shared_bias(self, steps: Any) -> Any:
        return steps.reshape(-1, self.same_bias).sum(1).repeat(self.same_bias)

    def collected(self) -> tuple[Any, Any]:
        """W and b, flat, as the plan stores them."""
        there = self.places >= 0
        self.stored[self.places[there]] = self.w[there]
        return self.stored, self.b[:: self.same_bias]

    def activity(self, x: Any) -> Any:
        if self.pools:
            combine = max if self.kind == Kind.MAXPOOL else np.mean
            return rounded([combine([x[j] for j in window]) for window in self.pools])
        s = [self.b[i] + sum(x[j] * self.w[j, i] for j in range(len(x)) if x[j]) for i in range(self.n)]
        if self.transfer == Transfer.SOFTMAX:
            exps = [math.exp(v - max(s)) for v in s]
            return rounded([e / sum(exps) for e in exps])
        squash = {
            Transfer.LINEAR: lambda v: v,
            Transfer.TANH: math.tanh,
            Transfer.LOGISTIC: lambda v: 1 / (1 + math.exp(-v)),
            Transfer.RELU: lambda v: max(v, 0.0),
        }
        return rounded([squash[self.transfer](v) for v in s])

    def wires_back(self, x: Any) -> Any:
        """How much of each neuron's error goes to each neuron below, (fan-in, n), when the layer has heard x."""
        if not self.pools:
            return self.w.copy()
        back = np.zeros(self.w.shape)
        for i, window in enumerate(self.pools):
            if self.kind != Kind.MAXPOOL:
                back[window, i] = 1 / len(window)
            elif x is not None:
                back[max(window, key=lambda j: x[j]), i] = 1.0  # the first one of equals
        return back

    def slope(self, o: float) -> float:
        """f'(S), written by what f gave."""
        return {
            Transfer.LINEAR: 1.0,
            Transfer.TANH: 1.0 - o * o,
            Transfer.LOGISTIC: o * (1.0 - o),
            Transfer.RELU: float(o > 0),
        }[self.transfer]


def rounded(values: Any) -> Any:
    """To float32 and back: what a layer says is a float32."""
    return np.asarray(values, dtype=np.float32).astype(np.float64)


def places(record: Any) -> Any:
    """Where in W (flat) the weight from neuron j to neuron i is found, int (fan_in, n); -1 where there is no wire."""
    rows, n = int(record["fan_in"]), int(record["n"])
    found = np.full((rows, n), -1)
    if record["kind"] == Kind.DENSE:
        return np.arange(rows * n).reshape(rows, n)
    if record["kind"] == Kind.CONV2D:
        channels, k = int(record["out_channels"]), int(record["kernel"])
        for o in range(channels):
            for (i, c), taps in window_of(record, o):
                for a, b, j in taps:
                    found[j, i] = ((c * k + a) * k + b) * channels + o
    return found


def window_of(record: Any, o: int, c: int | None = None) -> list[Any]:
    """The neurons i of output channel o, each with the channel c below and its taps there, (row, column, neuron j)."""
    height, width = int(record["in_height"]), int(record["in_width"])
    found = []
    for y, x, taps in windows(record):
        i = (o * int(record["out_height"]) + y) * int(record["out_width"]) + x
        for below in range(int(record["in_channels"])) if c is None else [c]:
            there = [(a, b, (below * height + row) * width + column) for a, b, row, column in taps]
            found.append(((i, below), there))
    return found


def pools(record: Any) -> list[list[int]]:
    """For each neuron of a layer without synapses the neurons that it hears, by rows."""
    if record["kind"] == Kind.FLATTEN:
        return [[j] for j in range(int(record["n"]))]
    found: list[list[int]] = [[] for _ in range(int(record["n"]))]
    for o in range(int(record["out_channels"])):
        for (i, _), taps in window_of(record, o, o):
            found[i] = [j for _, _, j in taps]
    return found


def image(plan: Plan, frame: int, sample: int, x: Any) -> Any:
    """A frame's image (n_0,) as it enters: mirrored, then moved."""
    if not plan.flip and not plan.shift:
        return x
    channels, height, width = (int(plan.layers[0][f"out_{side}"]) for side in ("channels", "height", "width"))
    key = hashing.key(plan.seed, Stream.AUGMENT.of(), frame, sample)
    mirror, *draws = hashing.uniform(hashing.bits(key, np.arange(3)))
    down, right = (math.floor(u * (2 * plan.shift + 1)) - plan.shift for u in draws)
    given, found = x.reshape(channels, height, width), np.zeros((channels, height, width), x.dtype)
    for y in range(height):
        for at in range(width):
            from_y, from_x = y - down, at - right
            if 0 <= from_y < height and 0 <= from_x < width:
                mirrored = plan.flip and mirror < 0.5
                found[:, y, at] = given[:, from_y, width - 1 - from_x if mirrored else from_x]
    return found.ravel()
