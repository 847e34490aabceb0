"""Kernels of dense layers, one sample at a time: whole rows of W, addressed by events.

A layer's input is a list of events (index, value). W has the layout (fan-in, units), so that an event reads, and an
update writes, one contiguous row; rows start every `stride` values.

Kernels take views that start where the data starts: an index with an offset in it does not vectorize, because it
might be negative and would then have to wrap around.
"""

from __future__ import annotations

import numpy as np

from channelsim.engine.compile.fused import fma
from channelsim.engine.compile.jit import inner
from channelsim.engine.compile.pointers import as_words, head
from channelsim.engine.kernels import simd

ZERO = np.float32(0.0)


@inner()
def update_and_add_rows(matrix, stride, index, value, step, old, out):
    """The last frame's update and this frame's sum in one pass over each row that both touch.

    Row r first grows by old[r] * step, then counts in `out`. `old` is left at zero for the rows done.
    """
    simd.update_and_add_rows(matrix, stride, index, value, step, old, out)
    _forget(index, old)


@inner()
def catch_up_and_add_rows(matrix, stride, index, value, steps, step_stride, at, old, out):
    """The same where each row waits for a step of its own: row r first grows by old[r] * steps[at[r]].

    `steps` is flat, a step every `step_stride` values.
    """
    simd.catch_up_and_add_rows(matrix, stride, index, value, steps, step_stride, at, old, out)
    _forget(index, old)


@inner()
def _forget(index, old):
    if len(index) == len(old):
        for r in range(len(old)):
            old[r] = ZERO
    else:
        simd.fill(index, 0, as_words(old))


@inner()
def update_rows(matrix, stride, step, old, rows, values):
    """All rows grow by old[r] * step; `old` is left at zero. `rows` (int32) and `values` are room for as many."""
    count = simd.compact(old, rows, values)
    simd.grow_rows(matrix, stride, head(rows, count), head(values, count), step)
    for r in range(len(old)):
        old[r] = ZERO


@inner()
def catch_up_rows(matrix, stride, index, steps, step_stride, at, old, n, rows, values):
    """Rows grow by old[r] * steps[at[r]] for the rows r of the list; `old` is left at zero.

    `rows` (int32) and `values` are room for as many.
    """
    count = simd.take(index, old, rows, values)
    simd.catch_up_rows(matrix, stride, head(rows, count), head(values, count), steps, step_stride, at, n)


@inner()
def catch_up_steps(matrix, stride, first, last, steps, step_stride, at, old, n, rows, values):
    """The same for all rows that wait for one of the steps from `first` to before `last`.

    `rows` and `values` are room for as many as `old` has.
    """
    count = simd.take_from(at, first, last, old, rows, values)
    simd.catch_up_rows(matrix, stride, head(rows, count), head(values, count), steps, step_stride, at, n)


@inner()
def add_each(x, samples, fan_in, matrix, stride, n, out, index, value):
    """out[b] += sum_r x[b, r] * row(r), a sample at a time.

    `index` and `value` are room for the events of one sample, and for a vector behind them.
    """
    for b in range(samples):
        count = simd.compact(x[b * fan_in : (b + 1) * fan_in], index, value)
        simd.add_rows(matrix, stride, head(index, count), head(value, count), out[b * n : (b + 1) * n])


@inner()
def grow_each(x, samples, fan_in, matrix, stride, n, steps, index, value):
    """row(r) += x[b, r] * steps[b] for each sample, one after another. `index` and `value` as in `add_each`."""
    for b in range(samples):
        count = simd.compact(x[b * fan_in : (b + 1) * fan_in], index, value)
        simd.grow_rows(matrix, stride, head(index, count), head(value, count), steps[b * n : (b + 1) * n])


@inner()
def add_scaled(x, values, out):
    """out += x * values."""
    for j in range(len(out)):
        out[j] = fma(x, values[j], out[j])
