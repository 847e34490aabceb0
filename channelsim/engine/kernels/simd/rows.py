"""Rows of a matrix, by a list of their numbers: summed, updated, or both in one pass; and single rows.

Products are added in the order of the list. A flat matrix has rows that start every `stride` values.
"""

from __future__ import annotations

from channelsim.engine.config import BLOCK
from channelsim.engine.kernels.simd.code import (
    VECTOR,
    broadcast,
    count_up,
    every_vector,
    factor,
    row_address,
    row_number,
    strips,
)
from channelsim.engine.kernels.simd.kernel import FLOATS, INDICES, INT, REAL, vector_kernel


def _add_rows(builder, matrix, stride, index, value, out):
    def strip(part):
        def add(k, sums):
            row = row_address(builder, matrix, stride, row_number(builder, index, k))
            return part.fma(factor(builder, value, k), part.load(row), sums)

        part.store(out, count_up(builder, index.size, part.load(out), add))

    strips(builder, out.size, BLOCK, strip)


@vector_kernel(_add_rows, FLOATS, INT, INDICES, FLOATS, FLOATS)
def add_rows(matrix, stride, index, value, out):
    """out += sum_k value[k] * row(index[k])."""
    out += value @ matrix.reshape(-1, stride)[index, : len(out)]


def _update_and_add_rows(builder, matrix, stride, index, value, step, old, out):
    def strip(part):
        steps = part.load(step)

        def grow_and_add(k, sums):
            r = row_number(builder, index, k)
            row = row_address(builder, matrix, stride, r)
            grown = part.fma(factor(builder, old, r), steps, part.load(row))
            part.store(row, grown)
            return part.fma(factor(builder, value, k), grown, sums)

        part.store(out, count_up(builder, index.size, part.load(out), grow_and_add))

    strips(builder, out.size, BLOCK, strip)


@vector_kernel(_update_and_add_rows, FLOATS, INT, INDICES, FLOATS, FLOATS, FLOATS, FLOATS)
def update_and_add_rows(matrix, stride, index, value, step, old, out):
    """Row r of the list grows by old[r] * step, then counts in `out` as in `add_rows`."""
    grow_rows(matrix, stride, index, old[index], step)
    add_rows(matrix, stride, index, value, out)


def _catch_up_and_add_rows(builder, matrix, stride, index, value, steps, step_stride, at, old, out):
    def strip(part):
        def grow_and_add(k, sums):
            r = row_number(builder, index, k)
            row = row_address(builder, matrix, stride, r)
            step = row_address(builder, steps, step_stride, row_number(builder, at, r))
            grown = part.fma(factor(builder, old, r), part.load(step), part.load(row))
            part.store(row, grown)
            return part.fma(factor(builder, value, k), grown, sums)

        part.store(out, count_up(builder, index.size, part.load(out), grow_and_add))

    strips(builder, out.size, BLOCK, strip)


@vector_kernel(_catch_up_and_add_rows, FLOATS, INT, INDICES, FLOATS, FLOATS, INT, INDICES, FLOATS, FLOATS)
def catch_up_and_add_rows(matrix, stride, index, value, steps, step_stride, at, old, out):
    """Row r of the list grows by old[r] * steps[at[r]], then counts in `out` as in `add_rows`.

    `steps` is flat, a step every `step_stride` values.
    """
    catch_up_rows(matrix, stride, index, old[index], steps, step_stride, at, len(out))
    add_rows(matrix, stride, index, value, out)


def _catch_up_rows(builder, matrix, stride, index, value, steps, step_stride, at, n):
    def strip(part):
        def grow(k, _):
            r = row_number(builder, index, k)
            row = row_address(builder, matrix, stride, r)
            step = row_address(builder, steps, step_stride, row_number(builder, at, r))
            part.store(row, part.fma(factor(builder, value, k), part.load(step), part.load(row)))
            return []

        count_up(builder, index.size, [], grow)

    strips(builder, n, BLOCK, strip)


@vector_kernel(_catch_up_rows, FLOATS, INT, INDICES, FLOATS, FLOATS, INT, INDICES, INT)
def catch_up_rows(matrix, stride, index, value, steps, step_stride, at, n):
    """row(index[k]) += value[k] * steps[at[index[k]]], n columns; `steps` as in `catch_up_and_add_rows`."""
    matrix.reshape(-1, stride)[index, :n] += value[:, None] * steps.reshape(-1, step_stride)[at[index], :n]


def _grow_rows(builder, matrix, stride, index, value, step):
    def strip(part):
        steps = part.load(step)

        def grow(k, _):
            row = row_address(builder, matrix, stride, row_number(builder, index, k))
            part.store(row, part.fma(factor(builder, value, k), steps, part.load(row)))
            return []

        count_up(builder, index.size, [], grow)

    strips(builder, step.size, BLOCK, strip)


@vector_kernel(_grow_rows, FLOATS, INT, INDICES, FLOATS, FLOATS)
def grow_rows(matrix, stride, index, value, step):
    """row(index[k]) += value[k] * step."""
    matrix.reshape(-1, stride)[index, : len(step)] += value[:, None] * step


def _scale_and_add(builder, factor, values, scaled, out):
    factors = broadcast(builder, factor, VECTOR)

    def block(part, _):
        (x,), (before,) = part.load(values), part.load(out)
        product = builder.fmul(factors, x)
        part.store(scaled, [product])
        part.store(out, [builder.fadd(before, product)])
        return []

    every_vector(builder, values.size, [], block)


@vector_kernel(_scale_and_add, REAL, FLOATS, FLOATS, FLOATS)
def scale_and_add(factor, values, scaled, out):
    """scaled = factor * values; out += scaled."""
    scaled[:] = factor * values
    out += scaled
