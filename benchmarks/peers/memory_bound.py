"""The memory bound of online learning: the rows of W that a frame touches, streamed twice.

Each row is read once for the forward pass, and read and written once for the update. Nothing else is done: no transfer
functions, no errors, no events, no clock.

Rows go four at a time, so that the loop waits for the rows and not for its accumulator.
"""

from __future__ import annotations

import numba
import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.sparse import csr_array

from benchmarks.work import Task

NAME, VERSION = "memory bound", numba.__version__


class MemoryBound:
    def __init__(self, task: Task) -> None:
        images = csr_array(task.x)
        self.rows = (images.indptr, images.indices, images.data)
        self.w = tuple(w.copy() for w in task.weights)

    def train(self, order: NDArray[np.int64]) -> int:
        stream(self.w, *self.rows, order)
        return len(order)


@njit(cache=True, fastmath={"contract"})
def stream(w, start, index, value, order):
    """Forward and update passes over the rows of the given samples; the matrices stay what they are, nearly."""
    widest, deepest = 0, 0
    for h in range(len(w)):
        widest, deepest = max(widest, w[h].shape[1]), max(deepest, w[h].shape[0])
    out, step = np.zeros(widest, np.float32), np.full(widest, 1e-9, np.float32)
    all_rows, ones = np.arange(deepest).astype(index.dtype), np.full(deepest, 0.5, np.float32)
    for sample in order:
        for h in range(len(w)):
            n = w[h].shape[1]
            if h == 0:
                rows, x = index[start[sample] : start[sample + 1]], value[start[sample] : start[sample + 1]]
            else:
                rows, x = all_rows[: w[h].shape[0]], ones[: w[h].shape[0]]
            _forward(w[h], rows, x, out[:n])
            _update(w[h], rows, x, step[:n])
    return out


@njit(cache=True, fastmath={"contract"})
def _forward(w, rows, x, out):
    k = 0
    while k + 4 <= len(rows):
        a, b, c, d = rows[k], rows[k + 1], rows[k + 2], rows[k + 3]
        x0, x1, x2, x3 = x[k], x[k + 1], x[k + 2], x[k + 3]
        for j in range(len(out)):
            out[j] = out[j] + x0 * w[a, j] + x1 * w[b, j] + x2 * w[c, j] + x3 * w[d, j]
        k += 4
    while k < len(rows):
        a, x0 = rows[k], x[k]
        for j in range(len(out)):
            out[j] += x0 * w[a, j]
        k += 1


@njit(cache=True, fastmath={"contract"})
def _update(w, rows, x, step):
    for k in range(len(rows)):
        a, x0 = rows[k], x[k]
        for j in range(len(step)):
            w[a, j] += x0 * step[j]
