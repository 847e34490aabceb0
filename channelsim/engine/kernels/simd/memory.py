"""Values copied as one block, put in their places, and prefetched.

A copying loop of the compiler tests whether the arrays overlap, and does what is behind the last whole vector one value
at a time; one that puts values in their places asks of each place whether it counts from the end.
"""

from __future__ import annotations

import numpy as np
from llvmlite import ir

from channelsim.engine.kernels.simd.code import (
    BIT,
    FLOAT,
    LANES,
    NUMBER,
    NUMBERS,
    WORD,
    Strip,
    builder_gep,
    count_up,
    item,
    row_address,
    row_number,
    word,
)
from channelsim.engine.kernels.simd.kernel import ANY, FLOATS, INDICES, INT, vector_kernel

CACHE_LINE = 64  # bytes


def _copy(builder, values, out):
    kinds = [out.address.type, values.address.type, WORD]
    move = builder.module.declare_intrinsic("llvm.memmove.p0.p0.i64", (), ir.FunctionType(ir.VoidType(), [*kinds, BIT]))
    builder.call(move, [out.address, values.address, builder.mul(out.size, word(4)), ir.Constant(BIT, 0)])


@vector_kernel(_copy, FLOATS, FLOATS)
def copy(values, out):
    """out = values, of the same length."""
    out[:] = values


def _prefetch(builder, values):
    kinds = [values.address.type, NUMBER, NUMBER, NUMBER]
    ask = builder.module.declare_intrinsic("llvm.prefetch.p0", (), ir.FunctionType(ir.VoidType(), kinds))
    lines = builder.sdiv(builder.add(values.size, word(CACHE_LINE - 1)), word(CACHE_LINE))

    def ask_for(k, _):
        line = builder.gep(values.address, [builder.mul(k, word(CACHE_LINE))])
        builder.call(ask, [line, *(ir.Constant(NUMBER, n) for n in (0, 2, 1))])  # to read, into L2, data
        return []

    count_up(builder, lines, [], ask_for)


@vector_kernel(_prefetch, ANY)
def prefetch(values):
    """Prefetches values as far as the L2 cache: the L1 cache waits for few lines at a time.

    Nothing depends on it but the time that they take.
    """


def _scatter(builder, index, value, out):
    def put(k, _):
        builder.store(item(builder, value, k), builder_gep(builder, out, row_number(builder, index, k)))
        return []

    count_up(builder, index.size, [], put)


@vector_kernel(_scatter, INDICES, FLOATS, FLOATS)
def scatter(index, value, out):
    """out[index[k]] = value[k]."""
    out[index] = value


def _fill(builder, index, value, out):
    number = builder.trunc(value, NUMBER)

    def put(k, _):
        builder.store(number, builder_gep(builder, out, row_number(builder, index, k)))
        return []

    count_up(builder, index.size, [], put)


@vector_kernel(_fill, INDICES, INT, INDICES)
def fill(index, value, out):
    """out[index[k]] = value, of int32 values."""
    out[index] = value


def _take(builder, index, values, places, taken):
    def look(k, found):
        place = builder_gep(builder, values, row_number(builder, index, k))
        value = builder.load(place)
        builder.store(ir.Constant(FLOAT, 0.0), place)
        builder.store(item(builder, index, k), builder_gep(builder, places, *found))  # overwritten if it is none
        builder.store(value, builder_gep(builder, taken, *found))
        is_one = builder.fcmp_unordered("!=", value, ir.Constant(FLOAT, 0.0))
        return [builder.add(*found, builder.zext(is_one, WORD))]

    return count_up(builder, index.size, [word(0)], look)[0]


@vector_kernel(_take, INDICES, FLOATS, INDICES, FLOATS, result=INT)
def take(index, values, places, taken):
    """Lists the places index[k] at which `values` is not 0, with what is there, and leaves 0. Returns their number."""
    found = index[values[index] != 0]
    places[: len(found)], taken[: len(found)] = found, values[found]
    values[found] = 0
    return len(found)


def _columns(builder, vectors):
    """The columns of a square of vectors: at distance 1, 2, 4, ... two vectors exchange a half of their values."""
    distance = 1
    while distance < LANES:
        upper = [lane & distance for lane in range(LANES)]
        low = [LANES + lane - distance if up else lane for lane, up in enumerate(upper)]
        high = [LANES + lane if up else lane + distance for lane, up in enumerate(upper)]
        turned = list(vectors)
        for k in range(LANES):
            if not k & distance:
                pair = vectors[k], vectors[k + distance]
                turned[k] = builder.shuffle_vector(*pair, ir.Constant(NUMBERS, low))
                turned[k + distance] = builder.shuffle_vector(*pair, ir.Constant(NUMBERS, high))
        vectors, distance = turned, 2 * distance
    return vectors


def _transpose(builder, matrix, stride, rows, n, out, out_stride):
    lanes, last = word(LANES), builder.sub(rows, word(1))

    def squares(length):
        return builder.sdiv(builder.add(length, word(LANES - 1)), lanes)

    def down(i, _):
        first_row = builder.mul(i, lanes)

        def across(j, _):
            first = builder.mul(j, lanes)
            live = builder.sub(n, first)
            part, vectors = Strip(builder, first, [LANES], live), []
            for k in range(LANES):
                row = builder.add(first_row, word(k))
                row = builder.select(builder.icmp_signed("<", row, last), row, last)  # what is not there is masked
                vectors += part.load(row_address(builder, matrix, stride, row))
            there = Strip(builder, first_row, [LANES], builder.sub(rows, first_row))
            for k, column in enumerate(_columns(builder, vectors)):
                with builder.if_then(builder.icmp_signed("<", word(k), live)):
                    place = builder.add(first, word(k))
                    there.store(row_address(builder, out, out_stride, place), [column])
            return []

        return count_up(builder, squares(n), [], across)

    count_up(builder, squares(rows), [], down)


@vector_kernel(_transpose, FLOATS, INT, INT, INT, FLOATS, INT)
def transpose(matrix, stride, rows, n, out, out_stride):
    """out = matrix.T, (n, rows), of a flat matrix (rows, n).

    Rows start every `stride` values, those of `out` every `out_stride`.
    """
    given = np.lib.stride_tricks.as_strided(matrix, (rows, n), (stride * matrix.itemsize, matrix.itemsize))
    np.lib.stride_tricks.as_strided(out, (n, rows), (out_stride * out.itemsize, out.itemsize))[:] = given.T
