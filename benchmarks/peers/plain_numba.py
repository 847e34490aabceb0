"""The same rules as a plain Numba loop, batch 1: what one would write by hand for exactly this network.

No events, no clock, no messages, nothing counted. Zero inputs are skipped, as in the engine.
"""

from __future__ import annotations

import math

import numba
import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.sparse import csr_array

from benchmarks.work import Matrix, Task

NAME, VERSION = "Numba loop", numba.__version__
FAST = {"contract", "reassoc"}  # fused multiply-adds, and sums in any order


class PlainNumba:
    def __init__(self, task: Task) -> None:
        images = csr_array(task.x)
        self.data = (images.indptr, images.indices, images.data, task.y)
        self.w = tuple(w.copy() for w in task.weights)
        self.b = tuple(b.copy() for b in task.biases)
        self.c = task.feedback or tuple(np.zeros((0, 0), np.float32) for _ in self.w[1:])
        self.rate, self.bp = np.float32(task.rate), task.rule == "bp"

    def train(self, order: NDArray[np.int64]) -> int:
        _train(self.w, self.b, self.c, *self.data, order, self.rate, self.bp)
        return len(order)

    def weights(self) -> tuple[tuple[Matrix, ...], tuple[Matrix, ...]]:
        return self.w, self.b


@njit(cache=True, fastmath=FAST)
def _train(w, b, c, start, index, value, labels, order, rate, bp):
    top, widest, deepest = len(w) - 1, 0, 0
    for h in range(top + 1):
        deepest, widest = max(deepest, w[h].shape[0]), max(widest, w[h].shape[1])
    o = np.zeros((top + 1, widest), np.float32)
    r = np.zeros((top + 1, widest), np.float32)
    all_rows = np.arange(deepest).astype(index.dtype)
    for sample in order:
        events = index[start[sample] : start[sample + 1]]
        values = value[start[sample] : start[sample + 1]]
        for h in range(top + 1):
            rows = events if h == 0 else all_rows[: w[h].shape[0]]
            _forward(w[h], b[h], rows, values if h == 0 else o[h - 1], o[h])
            if h < top:
                _tanh(o[h])
        _error(o[top, : w[top].shape[1]], labels[sample], r[top])
        for h in range(top - 1, -1, -1):
            if bp:
                _transposed(w[h + 1], r[h + 1], r[h])
            else:
                _through(c[h], r[top], r[h])
            _times_derivative(r[h], o[h])
        for h in range(top + 1):
            rows = events if h == 0 else all_rows[: w[h].shape[0]]
            _update(w[h], b[h], rows, values if h == 0 else o[h - 1], r[h], rate)


@njit(cache=True, fastmath=FAST)
def _forward(w, b, rows, x, out):
    for j in range(len(b)):
        out[j] = b[j]
    for k in range(len(rows)):
        i = rows[k]
        for j in range(len(b)):
            out[j] += x[k] * w[i, j]


@njit(cache=True, fastmath=FAST)
def _tanh(values):
    for j in range(len(values)):
        values[j] = math.tanh(values[j])


@njit(cache=True)
def _error(output, label, e):
    """e = T - softmax(output)"""
    top = output.max()
    total = np.float32(0.0)
    for j in range(len(output)):
        output[j] = math.exp(output[j] - top)
        total += output[j]
    for j in range(len(output)):
        e[j] = -output[j] / total
    e[label] += np.float32(1.0)


@njit(cache=True, fastmath=FAST)
def _transposed(w, message, error):
    for i in range(w.shape[0]):
        total = np.float32(0.0)
        for j in range(w.shape[1]):
            total += w[i, j] * message[j]
        error[i] = total


@njit(cache=True, fastmath=FAST)
def _through(c, message, error):
    for i in range(c.shape[1]):
        error[i] = np.float32(0.0)
    for j in range(c.shape[0]):
        for i in range(c.shape[1]):
            error[i] += message[j] * c[j, i]


@njit(cache=True, fastmath=FAST)
def _times_derivative(error, output):
    for i in range(len(error)):
        error[i] *= np.float32(1.0) - output[i] * output[i]


@njit(cache=True, fastmath=FAST)
def _update(w, b, rows, x, signal, rate):
    for k in range(len(rows)):
        i = rows[k]
        step = rate * x[k]
        for j in range(len(b)):
            w[i, j] += step * signal[j]
    for j in range(len(b)):
        b[j] += rate * signal[j]
