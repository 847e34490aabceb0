"""Loops over the columns of row-contiguous float32 matrices, written as vector instructions.

The compiler's own vectorization of such loops keeps sums in memory, tests at run time whether arrays overlap, and does
the columns behind the last whole vector one at a time: a third of the time of a layer of 100 units. Here the columns
are taken in *strips* of up to BLOCK vectors. A strip's sums stay in registers while all rows pass, and the last vector
of a row that is not a whole number of them is masked.

Each function has a plain form that says what it does; it is the one that runs where NUMBA_DISABLE_JIT is set. Products
are added by fused multiply-add, where the machine has one, in the order of the rows: neither the width of a vector nor
that of a strip shows in a result (but in that of `dot_rows`, whose sums run along the columns).

The compiled forms are called by name (`_named`), so that they are compiled once.
"""

from __future__ import annotations

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic, overload

from channelsim.engine._named import NOTHING, named
from channelsim.engine._vector_code import (
    BLOCK,
    FLOAT,
    LANES,
    TREE,
    VECTOR,
    WORD,
    ZEROS,
    Events,
    broadcast,
    count_up,
    every_vector,
    intrinsic_code,
    item,
    row_address,
    row_number,
    strips,
)

FLOATS, INDICES = types.CPointer(types.float32), types.CPointer(types.int32)


# --- sums of rows -------------------------------------------------------------------------------------


def add_rows(matrix, pitch, index, value, out):
    """out += sum_k value[k] * row(index[k]) of a flat matrix whose rows start every `pitch` values."""
    out += value @ matrix.reshape(-1, pitch)[index, : len(out)]


@intrinsic
def _add_rows_code(typing_context, matrix, pitch, index, value, count, out, n):
    def generate(builder, matrix, pitch, index, value, count, out, n):
        def strip(part):
            def add(k, sums):
                factor = broadcast(builder, item(builder, value, k), VECTOR)
                row = row_address(builder, matrix, pitch, row_number(builder, index, k))
                return part.fma(factor, part.load(row), sums)

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
    update_rows(matrix, pitch, index, step, old)
    add_rows(matrix, pitch, index, value, out)


@intrinsic
def _update_and_add_rows_code(typing_context, matrix, pitch, index, value, count, step, old, out, n):
    def generate(builder, matrix, pitch, index, value, count, step, old, out, n):
        def strip(part):
            steps = part.load(step)

            def grow_and_add(k, sums):
                r = row_number(builder, index, k)
                row = row_address(builder, matrix, pitch, r)
                grown = part.fma(broadcast(builder, item(builder, old, r), VECTOR), steps, part.load(row))
                part.store(row, grown)
                return part.fma(broadcast(builder, item(builder, value, k), VECTOR), grown, sums)

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


def update_rows(matrix, pitch, index, step, old):
    """Row r of the list grows by old[r] * step; rows do not occur twice."""
    matrix.reshape(-1, pitch)[index, : len(step)] += old[index, None] * step


@intrinsic
def _update_rows_code(typing_context, matrix, pitch, index, count, step, old, n):
    def generate(builder, matrix, pitch, index, count, step, old, n):
        def strip(part):
            steps = part.load(step)

            def grow(k, _):
                r = row_number(builder, index, k)
                x = item(builder, old, r)
                with builder.if_then(builder.fcmp_unordered("!=", x, ir.Constant(FLOAT, 0.0))):
                    row = row_address(builder, matrix, pitch, r)
                    part.store(row, part.fma(broadcast(builder, x, VECTOR), steps, part.load(row)))
                return []

            count_up(builder, count, [], grow)

        strips(builder, n, BLOCK, strip)

    return types.void(matrix, pitch, index, count, step, old, n), intrinsic_code(generate)


@named(NOTHING, FLOATS, types.intp, INDICES, types.intp, FLOATS, FLOATS, types.intp)
def _update_rows(matrix, pitch, index, count, step, old, n):
    _update_rows_code(matrix, pitch, index, count, step, old, n)


@overload(update_rows)
def _(matrix, pitch, index, step, old):
    return lambda matrix, pitch, index, step, old: _update_rows(
        matrix.ctypes, pitch, index.ctypes, len(index), step.ctypes, old.ctypes, len(step)
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
                factor = broadcast(builder, item(builder, value, k), VECTOR)
                part.store(row, part.fma(factor, steps, part.load(row)))
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


# --- products -----------------------------------------------------------------------------------------


def dot_rows(matrix, pitch, message, out):
    """out[r] = sum_j W[r, j] message[j] for every row r."""
    out[:] = matrix.reshape(-1, pitch)[: len(out), : len(message)] @ message


@intrinsic
def _dot_rows_code(typing_context, matrix, pitch, message, n, out, rows):
    def generate(builder, matrix, pitch, message, n, out, rows):
        name = f"llvm.vector.reduce.fadd.v{LANES}f32"
        total = builder.module.declare_intrinsic(name, (), ir.FunctionType(FLOAT, [FLOAT, VECTOR]))

        def clear(r, _):
            builder.store(ir.Constant(FLOAT, 0.0), builder.gep(out, [r]))
            return []

        def strip(part):
            said = part.load(message)

            def dot(r, _):
                values = part.load(row_address(builder, matrix, pitch, r))
                products = builder.fmul(said[0], values[0], flags=TREE)
                for m, w in zip(said[1:], values[1:], strict=True):
                    products = builder.fadd(products, builder.fmul(m, w, flags=TREE), flags=TREE)
                place = builder.gep(out, [r])
                builder.store(builder.call(total, [builder.load(place), products], fastmath=TREE), place)
                return []

            count_up(builder, rows, [], dot)

        count_up(builder, rows, [], clear)
        strips(builder, n, BLOCK, strip)

    return types.void(matrix, pitch, message, n, out, rows), intrinsic_code(generate)


@named(NOTHING, FLOATS, types.intp, FLOATS, types.intp, FLOATS, types.intp)
def _dot_rows(matrix, pitch, message, n, out, rows):
    _dot_rows_code(matrix, pitch, message, n, out, rows)


@overload(dot_rows)
def _(matrix, pitch, message, out):
    return lambda matrix, pitch, message, out: _dot_rows(
        matrix.ctypes, pitch, message.ctypes, len(message), out.ctypes, len(out)
    )


TILE = 24  # sums of a product in registers at a time
INNER = 256  # terms summed in one pass: so many rows of a strip of `b` stay in the cache


def matmul(a, row_step, step, b, b_pitch, rows, inner, columns, scale, add, c, c_pitch):
    """c[i, j] = scale * sum_k a[i * row_step + k * step] * b[k, j], plus what c holds if `add`.

    b is (inner, columns) and c (rows, columns), flat, with rows that start every b_pitch and c_pitch values.
    """
    left = np.lib.stride_tricks.as_strided(a, (rows, inner), (row_step * a.itemsize, step * a.itemsize))
    right = np.lib.stride_tricks.as_strided(b, (inner, columns), (b_pitch * b.itemsize, b.itemsize))
    result = np.lib.stride_tricks.as_strided(c, (rows, columns), (c_pitch * c.itemsize, c.itemsize))
    result[:] = scale * (left @ right) + (result if add else 0)


@intrinsic
def _matmul_code(typing_context, a, row_step, step, b, b_pitch, rows, inner, columns, scale, add, c, c_pitch):
    def generate(builder, a, row_step, step, b, b_pitch, rows, inner, columns, scale, add, c, c_pitch):
        nil = ir.Constant(WORD, 0)
        factor = broadcast(builder, scale, VECTOR)
        passes = builder.sdiv(builder.add(inner, ir.Constant(WORD, INNER - 1)), ir.Constant(WORD, INNER))

        def strip(part):
            def one_pass(p, _):
                first = builder.mul(p, ir.Constant(WORD, INNER))
                rest = builder.sub(inner, first)
                terms = builder.select(builder.icmp_signed("<", rest, ir.Constant(WORD, INNER)), rest,
                                       ir.Constant(WORD, INNER))  # fmt: skip
                keep = builder.or_(builder.icmp_signed("!=", add, nil), builder.icmp_signed("!=", p, nil))
                left = builder.gep(a, [builder.mul(first, step)])
                right = builder.gep(b, [builder.mul(first, b_pitch)])

                def tile(i, height):
                    """Rows i .. i + height - 1 of c."""
                    heads = []
                    for r in range(height):
                        row = builder.add(i, ir.Constant(WORD, r))
                        heads.append(
                            (builder.gep(left, [builder.mul(row, row_step)]), row_address(builder, c, c_pitch, row))
                        )

                    def add_term(k, sums):
                        values = part.load(row_address(builder, right, b_pitch, k))
                        new = []
                        for r, (head, _) in enumerate(heads):
                            x = builder.load(builder.gep(head, [builder.mul(k, step)]))
                            new += part.fma(broadcast(builder, x, VECTOR), values,
                                            sums[r * part.vectors : (r + 1) * part.vectors])  # fmt: skip
                        return new

                    sums = count_up(builder, terms, [ZEROS] * (height * part.vectors), add_term)
                    for r, (_, place) in enumerate(heads):
                        held = [builder.select(keep, old, ZEROS) for old in part.load(place)]
                        part.store(place, part.fma(factor, sums[r * part.vectors : (r + 1) * part.vectors], held))

                height = min(8, TILE // part.vectors)
                tiles = builder.sdiv(rows, ir.Constant(WORD, height))
                done = builder.mul(tiles, ir.Constant(WORD, height))
                count_up(builder, tiles, [], lambda t, _: tile(builder.mul(t, ir.Constant(WORD, height)), height) or [])
                count_up(builder, builder.sub(rows, done), [], lambda t, _: tile(builder.add(done, t), 1) or [])
                return []

            count_up(builder, passes, [], one_pass)

        strips(builder, columns, BLOCK // 2, strip)

    signature = types.void(a, row_step, step, b, b_pitch, rows, inner, columns, scale, add, c, c_pitch)
    return signature, intrinsic_code(generate)


@named(
    NOTHING, FLOATS, types.intp, types.intp, FLOATS, types.intp, types.intp, types.intp, types.intp, types.float32,
    types.intp, FLOATS, types.intp,
)  # fmt: skip
def _matmul(a, row_step, step, b, b_pitch, rows, inner, columns, scale, add, c, c_pitch):
    _matmul_code(a, row_step, step, b, b_pitch, rows, inner, columns, scale, add, c, c_pitch)


@overload(matmul)
def _(a, row_step, step, b, b_pitch, rows, inner, columns, scale, add, c, c_pitch):
    return lambda a, row_step, step, b, b_pitch, rows, inner, columns, scale, add, c, c_pitch: _matmul(
        a.ctypes, row_step, step, b.ctypes, b_pitch, rows, inner, columns, scale, add, c.ctypes, c_pitch
    )


# --- events -------------------------------------------------------------------------------------------


def count_events(values):
    """How many values are not zero."""
    return np.count_nonzero(values)


@intrinsic
def _count_events_code(typing_context, values, n):
    def generate(builder, values, n):
        seen = Events(builder, None, None)

        def block(part, found):
            (x,) = part.load(values)
            return [builder.add(*found, seen.count(builder.fcmp_unordered("!=", x, ZEROS)))]

        return every_vector(builder, n, [ir.Constant(WORD, 0)], block)[0]

    return types.intp(values, n), intrinsic_code(generate)


@named(types.intp, FLOATS, types.intp)
def _count_events(values, n):
    return _count_events_code(values, n)


@overload(count_events)
def _(values):
    return lambda values: _count_events(values.ctypes, len(values))


def compact(values, index, events):
    """Writes the events of `values`, those that are not zero, as a list; returns their number."""
    speaking = np.flatnonzero(values)
    index[: len(speaking)] = speaking
    events[: len(speaking)] = values[speaking]
    return len(speaking)


@intrinsic
def _compact_code(typing_context, values, n, index, events):
    def generate(builder, values, n, index, events):
        listed = Events(builder, index, events)

        def block(part, written):
            (x,) = part.load(values)
            return [listed.append(part, x, builder.fcmp_unordered("!=", x, ZEROS), *written)]

        return every_vector(builder, n, [ir.Constant(WORD, 0)], block)[0]

    return types.intp(values, n, index, events), intrinsic_code(generate)


@named(types.intp, FLOATS, types.intp, INDICES, FLOATS)
def _compact(values, n, index, events):
    return _compact_code(values, n, index, events)


@overload(compact)
def _(values, index, events):
    return lambda values, index, events: _compact(values.ctypes, len(values), index.ctypes, events.ctypes)


def pass_threshold(source, residual, keep, theta, index, events):
    """Lists the values whose magnitude is above theta; with `keep`, of what was kept back before as well as the source.

    With `keep`, what is not listed is kept back in `residual`. Returns 2^32 offered + listed, where offered counts the
    sources that are not zero.
    """
    values = source + residual if keep else source
    speaks = np.abs(values) > theta
    if keep:
        residual[:] = np.where(speaks, 0, values)
    listed = compact(np.where(speaks, values, np.float32(0)), index, events)
    return (np.count_nonzero(source) << 32) + listed


@intrinsic
def _pass_threshold_code(typing_context, source, n, residual, keep, theta, index, events):
    def generate(builder, source, n, residual, keep, theta, index, events):
        listed = Events(builder, index, events)
        keeps = builder.icmp_signed("!=", keep, ir.Constant(WORD, 0))
        limit = broadcast(builder, theta, VECTOR)
        magnitude = builder.module.declare_intrinsic(f"llvm.fabs.v{LANES}f32", (), ir.FunctionType(VECTOR, [VECTOR]))

        def block(part, seen):
            offered, written = seen
            (x,), (kept,) = part.load(source), part.load(residual)
            value = builder.fadd(x, builder.select(keeps, kept, ZEROS))
            speaks = builder.fcmp_ordered(">", builder.call(magnitude, [value]), limit)
            left = builder.select(speaks, ZEROS, value)
            part.store(residual, [builder.select(keeps, left, kept)])
            offered = builder.add(offered, listed.count(builder.fcmp_unordered("!=", x, ZEROS)))
            return [offered, listed.append(part, value, speaks, written)]

        offered, written = every_vector(builder, n, [ir.Constant(WORD, 0)] * 2, block)
        return builder.add(builder.shl(offered, ir.Constant(WORD, 32)), written)

    return types.intp(source, n, residual, keep, theta, index, events), intrinsic_code(generate)


@named(types.intp, FLOATS, types.intp, FLOATS, types.intp, types.float32, INDICES, FLOATS)
def _pass_threshold(source, n, residual, keep, theta, index, events):
    return _pass_threshold_code(source, n, residual, keep, theta, index, events)


@overload(pass_threshold)
def _(source, residual, keep, theta, index, events):
    return lambda source, residual, keep, theta, index, events: _pass_threshold(
        source.ctypes, len(source), residual.ctypes, keep, theta, index.ctypes, events.ctypes
    )
