"""A layer of the simulator of single neurons: which neurons have wires, which wires share a weight, what they send.

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
from tests.words import TINY

SATURATED = 9.01  # from here on tanh is 1


class Layer:
    """Neurons with their synapses, what they have stored, and the time when they are free to compute again.

    `unclear` counts decisions (zero or not, which is the largest) that the last digits of a sum make.
    """

    def __init__(self, plan: Plan, h: int) -> None:
        record = plan.layers[h]
        self.n, self.transfer = int(record["n"]), Transfer(int(record["transfer"]))
        self.kind = Kind(int(record["kind"]))
        self.compute = {
            Direction.FORWARD: int(record["compute_forward"]),
            Direction.LEARNING: int(record["compute_learning"]),
        }
        w, b = int(record["w_offset"]), int(record["b_offset"])
        self.weights = plan.weights[w : w + int(record["w_size"])].astype(np.float64)  # as the plan stores them
        self.biases = plan.biases[b : b + int(record["b_size"])].astype(np.float64)
        self.places = places(record)  # of each pair of neurons: which of the stored weights, or -1
        self.columns = max(int(record["w_columns"]), 1)  # of W: units, or channels
        self.same_bias = self.n // self.columns  # neurons of one channel share their bias
        self.set(self.weights, self.biases)
        self.w_speed, self.b_speed = np.zeros_like(self.weights), np.zeros_like(self.biases)
        self.pools = pools(record) if h and not len(self.weights) else []
        self.of_one_magnitude = int(record["weight_levels"]) == 1
        self.learns = bool(plan.trains[h])
        self.free = 0
        self.computed: list[int] = []  # frames, in the order in which they were computed
        self.stored: dict[int, list[tuple[Any, Any]]] = {}  # frame -> per sample: input as delivered, activity
        self.unclear = 0

    def set(self, weights: Any, biases: Any) -> None:
        """New synapses, as the plan stores them; w and b are those of each pair of neurons, and of each neuron."""
        self.weights, self.biases = weights, biases
        self.w = self.spread(weights)
        self.b = biases.repeat(self.same_bias) if len(biases) else np.zeros(self.n)  # 0: there is none

    def spread(self, stored: Any) -> Any:
        """A value for each stored weight, at each pair of neurons (fan-in, n) that has it; elsewhere 0."""
        return np.where(self.places >= 0, np.append(stored, 0.0)[self.places], 0.0)

    def gathered(self, steps: Any) -> Any:
        """A step for each stored weight: what all pairs of neurons with one weight do together."""
        there = self.places >= 0
        return np.bincount(self.places[there], steps[there], len(self.weights))

    def gathered_bias(self, steps: Any) -> Any:
        return steps.reshape(-1, self.same_bias).sum(1)[: len(self.biases)]

    def wires_up(self, j: int) -> int:
        """How many wires lead from neuron j below to this layer; a layer without synapses computes for free."""
        return 0 if self.pools else int((self.places[j] >= 0).sum())

    def wires_down(self, i: int) -> int:
        """How many wires lead from neuron i to the layer below."""
        return 0 if self.pools else int((self.places[:, i] >= 0).sum())

    def written(self, xs: list[Any], rs: list[Any]) -> int:
        """Synapses that an update by inputs and errors writes: those of rows of W that met an input in a sample that
        learns, and of columns that had an error in any."""
        rows, columns = set(), set()
        for x, r in zip(xs, rs, strict=False):
            if r.any():
                met = self.places[x != 0]
                rows |= set((met[met >= 0] // self.columns).tolist())
                columns |= set((np.flatnonzero(r) // self.same_bias).tolist())
        return len(rows) * len(columns)

    def unit(self) -> float:
        """The one magnitude of the wires to the layer below; 0: they have several, or learn in full precision."""
        if self.pools:
            return 1 / len(self.pools[0]) if self.kind != Kind.MAXPOOL else 1.0
        found = {abs(w) for w in self.weights if w}
        has_one = len(found) == 1 and min(found) >= TINY and (self.of_one_magnitude or not self.learns)
        return float(found.pop()) if has_one else 0.0

    def activity(self, x: Any, unit: float) -> Any:
        """O, where x is made of multiples of a unit (0: of nothing)."""
        if self.pools:
            return rounded([self._pooled([x[j] for j in window], unit) for window in self.pools])
        own = self.unit()
        s = [self._sum(x, i, own, unit) for i in range(self.n)]
        if self.transfer == Transfer.SOFTMAX:
            exps = [math.exp(v - max(s)) for v in s]
            return rounded([e / sum(exps) for e in exps])
        return rounded([squash(self.transfer, v) for v in s])

    def _pooled(self, values: list[float], unit: float) -> float:
        if self.kind != Kind.MAXPOOL:
            total, size = sum_in_units(values, [1.0] * len(values), 1.0, unit)
            self.unclear += bool(cancels(total, size))
            return total / len(values)
        close = 1e-6 * max(abs(v) for v in values)
        self.unclear += any(0 < max(values) - v <= close for v in values)
        return max(values)

    def _sum(self, x: Any, i: int, own: float, unit: float) -> float:
        active = np.flatnonzero(x)
        total, size = sum_in_units(x[active], self.w[active, i], own, unit)
        self.unclear += bool(own and cancels(total, size))  # it is multiplied before the bias is added
        total, size = self.b[i] + total, abs(self.b[i]) + size
        self.unclear += bool(cancels(total, size))
        if self.transfer == Transfer.TANH:
            self.unclear += abs(abs(total) - SATURATED) <= 1e-6 * size
        return float(total)

    def wires_back(self, x: Any) -> Any:
        """How much of each neuron's error goes to each neuron below, (fan-in, n), when the layer received x."""
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


def squash(transfer: Transfer, s: float) -> float:
    """f(S), but for softmax."""
    if transfer == Transfer.TANH:
        return math.copysign(1.0, s) if abs(s) >= SATURATED else math.tanh(s)
    if transfer == Transfer.LOGISTIC:
        return 1 / (1 + math.exp(-s))
    return max(s, 0.0) if transfer == Transfer.RELU else s


def sum_in_units(values: Any, wires: Any, own: float, unit: float) -> tuple[float, float]:
    """The sum over wires that are multiples of `own` of values that are multiples of `unit` (0: of nothing).

    With the sum of magnitudes that its last digits may depend on, which is the sum's own where it is exact.
    """
    if not own:
        terms = [v * w for v, w in zip(values, wires, strict=True)]
        return sum(terms), sum(abs(term) for term in terms)
    counts = [round(w / own) for w in wires]
    if not unit:
        terms = [v * count for v, count in zip(values, counts, strict=True)]
        return sum(terms) * own, sum(abs(term) for term in terms) * own
    total = sum(round(v / unit) * count for v, count in zip(values, counts, strict=True)) * own * unit
    return total, abs(total)


def cancels(total: Any, size: Any) -> Any:
    """Whether a sum is nearly zero, or zero by chance, next to the sum of its terms' magnitudes."""
    return (size > 0) & (np.abs(total) <= 1e-6 * size)


def rounded(values: Any) -> Any:
    """To float32 and back: what a layer sends is a float32."""
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
    """For each neuron of a layer without synapses the neurons that it receives from, by rows."""
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
