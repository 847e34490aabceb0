"""Rows of a matrix, by a list of their numbers: summed, updated, or both in one pass.

See `_vector_code` for how. Products are added in the order of the list.
"""

from __future__ import annotations

from numba import types
from numba.extending import intrinsic, overload

from channelsim.engine._named import NOTHING, named
from channelsim.engine._vector_code import (
    BLOCK,
    FLOATS,
    INDICES,
    count_up,
    factor,
    intrinsic_code,
    row_address,
    row_number,
    strips,
)


def add_rows(matrix, pitch, index, value, out):
    """out += sum_k value[k] * row(index[k]) of a flat matrix whose rows start every `pitch` values."""
    out += value @ matrix.reshape(-1, pitch)[index, : len(out)]


@intrinsic
def _add_rows_code(typing_context, matrix, pitch, index, value, count, out, n):
    def generate(builder, matrix, pitch, index, value, count, out, n):
        def strip(part):
            def add(k, sums):
                row = row_address(builder, matrix, pitch, row_number(builder, index, k))
                return part.fma(factor(builder, value, k), part.load(row), sums)

            part.store(out, count_up(builder, count, part.load(out), add))

        strips(builder, n, BLOCK, strip)

    return types.void(matrix, pitch, index, value, count, out, n), intrinsic_code(generate)


@named(NOTHING, FLOATS, types.intp, INDICES, FLOATS, types.intp, FLOATS, types.intp)
def _add_rows(matrix, pitch, index, value, count, out, n):
    _add_rows_code(matrix, pitch, index, value, count, out, n)


@overload(add_rows)
def _(matrix, pitch, index, value, out):
    return lambda matrix, pitch, index, value, out: _add_rows(
        matrix.ctypes, pitch, index.ctypes, value.ctypes, len(index), out.ctypes, len(out)
    )


def update_and_add_rows(matrix, pitch, index, value, step, old, out):
    """Row r of the list grows by old[r] * step, then counts in `out` as in `add_rows`."""
    grow_rows(matrix, pitch, index, old[index], step)
    add_rows(matrix, pitch, index, value, out)


@intrinsic
def _update_and_add_rows_code(typing_context, matrix, pitch, index, value, count, step, old, out, n):
    def generate(builder, matrix, pitch, index, value, count, step, old, out, n):
        def strip(part):
            steps = part.load(step)

            def grow_and_add(k, sums):
                r = row_number(builder, index, k)
                row = row_address(builder, matrix, pitch, r)
                grown = part.fma(factor(builder, old, r), steps, part.load(row))
                part.store(row, grown)
                return part.fma(factor(builder, value, k), grown, sums)

            part.store(out, count_up(builder, count, part.load(out), grow_and_add))

        strips(builder, n, BLOCK, strip)

    return types.void(matrix, pitch, index, value, count, step, old, out, n), intrinsic_code(generate)


@named(NOTHING, FLOATS, types.intp, INDICES, FLOATS, types.intp, FLOATS, FLOATS, FLOATS, types.intp)
def _update_and_add_rows(matrix, pitch, index, value, count, step, old, out, n):
    _update_and_add_rows_code(matrix, pitch, index, value, count, step, old, out, n)


@overload(update_and_add_rows)
def _(matrix, pitch, index, value, step, old, out):
    return lambda matrix, pitch, index, value, step, old, out: _update_and_add_rows(
        matrix.ctypes, pitch, index.ctypes, value.ctypes, len(index), step.ctypes, old.ctypes, out.ctypes, len(out)
    )


def grow_rows(matrix, pitch, index, value, step):
    """row(index[k]) += value[k] * step."""
    matrix.reshape(-1, pitch)[index, : len(step)] += value[:, None] * step


@intrinsic
def _grow_rows_code(typing_context, matrix, pitch, index, value, count, step, n):
    def generate(builder, matrix, pitch, index, value, count, step, n):
        def strip(part):
            steps = part.load(step)

            def grow(k, _):
                row = row_address(builder, matrix, pitch, row_number(builder, index, k))
                part.store(row, part.fma(factor(builder, value, k), steps, part.load(row)))
                return []

            count_up(builder, count, [], grow)

        strips(builder, n, BLOCK, strip)

    return types.void(matrix, pitch, index, value, count, step, n), intrinsic_code(generate)


@named(NOTHING, FLOATS, types.intp, INDICES, FLOATS, types.intp, FLOATS, types.intp)
def _grow_rows(matrix, pitch, index, value, count, step, n):
    _grow_rows_code(matrix, pitch, index, value, count, step, n)


@overload(grow_rows)
def _(matrix, pitch, index, value, step):
    return lambda matrix, pitch, index, value, step: _grow_rows(
        matrix.ctypes, pitch, index.ctypes, value.ctypes, len(index), step.ctypes, len(step)
    )
