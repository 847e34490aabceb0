"""Rows of a matrix, by a list of their numbers: summed, updated, or both in one pass; and single rows.

See `_vector_code` for how. Products are added in the order of the list.
"""

from __future__ import annotations

from numba import types
from numba.extending import intrinsic, overload

from channelsim.engine.compile.symbols import NOTHING, named
from channelsim.engine.kernels.simd.code import (
    BLOCK,
    FLOATS,
    INDICES,
    VECTOR,
    broadcast,
    count_up,
    every_vector,
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


def catch_up_and_add_rows(matrix, pitch, index, value, steps, step_pitch, at, old, out):
    """Row r of the list grows by old[r] * steps[at[r]], then counts in `out` as in `add_rows`.

    `steps` is flat, a step every `step_pitch` values.
    """
    catch_up_rows(matrix, pitch, index, old[index], steps, step_pitch, at, len(out))
    add_rows(matrix, pitch, index, value, out)


@intrinsic
def _catch_up_and_add_rows_code(typing_context, matrix, pitch, index, value, count, steps, step_pitch, at, old, out, n):
    def generate(builder, matrix, pitch, index, value, count, steps, step_pitch, at, old, out, n):
        def strip(part):
            def grow_and_add(k, sums):
                r = row_number(builder, index, k)
                row = row_address(builder, matrix, pitch, r)
                step = row_address(builder, steps, step_pitch, row_number(builder, at, r))
                grown = part.fma(factor(builder, old, r), part.load(step), part.load(row))
                part.store(row, grown)
                return part.fma(factor(builder, value, k), grown, sums)

            part.store(out, count_up(builder, count, part.load(out), grow_and_add))

        strips(builder, n, BLOCK, strip)

    kinds = matrix, pitch, index, value, count, steps, step_pitch, at, old, out, n
    return types.void(*kinds), intrinsic_code(generate)


@named(
    NOTHING, FLOATS, types.intp, INDICES, FLOATS, types.intp, FLOATS, types.intp, INDICES, FLOATS, FLOATS, types.intp
)
def _catch_up_and_add_rows(matrix, pitch, index, value, count, steps, step_pitch, at, old, out, n):
    _catch_up_and_add_rows_code(matrix, pitch, index, value, count, steps, step_pitch, at, old, out, n)


@overload(catch_up_and_add_rows)
def _(matrix, pitch, index, value, steps, step_pitch, at, old, out):
    return lambda matrix, pitch, index, value, steps, step_pitch, at, old, out: _catch_up_and_add_rows(
        matrix.ctypes, pitch, index.ctypes, value.ctypes, len(index), steps.ctypes, step_pitch, at.ctypes, old.ctypes,
        out.ctypes, len(out),
    )  # fmt: skip


def catch_up_rows(matrix, pitch, index, value, steps, step_pitch, at, n):
    """row(index[k]) += value[k] * steps[at[index[k]]], n columns; `steps` as in `catch_up_and_add_rows`."""
    matrix.reshape(-1, pitch)[index, :n] += value[:, None] * steps.reshape(-1, step_pitch)[at[index], :n]


@intrinsic
def _catch_up_rows_code(typing_context, matrix, pitch, index, value, count, steps, step_pitch, at, n):
    def generate(builder, matrix, pitch, index, value, count, steps, step_pitch, at, n):
        def strip(part):
            def grow(k, _):
                r = row_number(builder, index, k)
                row = row_address(builder, matrix, pitch, r)
                step = row_address(builder, steps, step_pitch, row_number(builder, at, r))
                part.store(row, part.fma(factor(builder, value, k), part.load(step), part.load(row)))
                return []

            count_up(builder, count, [], grow)

        strips(builder, n, BLOCK, strip)

    return types.void(matrix, pitch, index, value, count, steps, step_pitch, at, n), intrinsic_code(generate)


@named(NOTHING, FLOATS, types.intp, INDICES, FLOATS, types.intp, FLOATS, types.intp, INDICES, types.intp)
def _catch_up_rows(matrix, pitch, index, value, count, steps, step_pitch, at, n):
    _catch_up_rows_code(matrix, pitch, index, value, count, steps, step_pitch, at, n)


@overload(catch_up_rows)
def _(matrix, pitch, index, value, steps, step_pitch, at, n):
    return lambda matrix, pitch, index, value, steps, step_pitch, at, n: _catch_up_rows(
        matrix.ctypes, pitch, index.ctypes, value.ctypes, len(index), steps.ctypes, step_pitch, at.ctypes, n
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


def scale_and_add(factor, values, scaled, out):
    """scaled = factor * values; out += scaled."""
    scaled[:] = factor * values
    out += scaled


@intrinsic
def _scale_and_add_code(typing_context, factor, values, n, scaled, out):
    def generate(builder, factor, values, n, scaled, out):
        factors = broadcast(builder, factor, VECTOR)

        def block(part, _):
            (x,), (before,) = part.load(values), part.load(out)
            product = builder.fmul(factors, x)
            part.store(scaled, [product])
            part.store(out, [builder.fadd(before, product)])
            return []

        every_vector(builder, n, [], block)

    return types.void(factor, values, n, scaled, out), intrinsic_code(generate)


@named(NOTHING, types.float32, FLOATS, types.intp, FLOATS, FLOATS)
def _scale_and_add(factor, values, n, scaled, out):
    _scale_and_add_code(factor, values, n, scaled, out)


@overload(scale_and_add)
def _(factor, values, scaled, out):
    return lambda factor, values, scaled, out: _scale_and_add(
        factor, values.ctypes, len(values), scaled.ctypes, out.ctypes
    )
