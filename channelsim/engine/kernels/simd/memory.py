"""Values copied as one block, put in their places, and asked for before they are needed.

A copying loop of the compiler tests whether the arrays overlap, and does what is behind the last whole vector one value
at a time; one that puts values in their places asks of each place whether it counts from the end. See `_vector_code`
for how.
"""

from __future__ import annotations

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic, overload

from channelsim.engine.compile.symbols import NOTHING, named
from channelsim.engine.kernels.simd.code import (
    FLOAT,
    FLOATS,
    INDICES,
    LANES,
    NUMBERS,
    WORD,
    Strip,
    count_up,
    intrinsic_code,
    item,
    row_address,
    row_number,
)

BIT, BYTE = ir.IntType(1), ir.IntType(8)
CACHE_LINE = 64  # bytes


def copy(values, out):
    """out = values, of the same length."""
    out[:] = values


@intrinsic
def _copy_code(typing_context, values, n, out):
    def generate(builder, values, n, out):
        kinds = [out.type, values.type, WORD]
        move = builder.module.declare_intrinsic(
            "llvm.memmove.p0.p0.i64", (), ir.FunctionType(ir.VoidType(), [*kinds, BIT])
        )
        builder.call(move, [out, values, builder.mul(n, ir.Constant(WORD, 4)), ir.Constant(BIT, 0)])

    return types.void(values, n, out), intrinsic_code(generate)


@named(NOTHING, FLOATS, types.intp, FLOATS)
def _copy(values, n, out):
    _copy_code(values, n, out)


@overload(copy)
def _(values, out):
    return lambda values, out: _copy(values.ctypes, len(out), out.ctypes)


def fetch(values):
    """Asks memory for values that will be needed soon, as far as the L2 cache: the nearest one waits for few at a time.

    Nothing depends on it but the time they take.
    """


@intrinsic
def _fetch_code(typing_context, address, size):
    def generate(builder, address, size):
        here = builder.inttoptr(address, BYTE.as_pointer())
        word = ir.IntType(32)
        ask = builder.module.declare_intrinsic(
            "llvm.prefetch.p0", (), ir.FunctionType(ir.VoidType(), [here.type, word, word, word])
        )
        lines = builder.sdiv(builder.add(size, ir.Constant(WORD, CACHE_LINE - 1)), ir.Constant(WORD, CACHE_LINE))

        def ask_for(k, _):
            line = builder.gep(here, [builder.mul(k, ir.Constant(WORD, CACHE_LINE))])
            builder.call(ask, [line, *(ir.Constant(word, n) for n in (0, 2, 1))])  # to read, into L2, data
            return []

        count_up(builder, lines, [], ask_for)

    return types.void(address, size), intrinsic_code(generate)


@named(NOTHING, types.intp, types.intp)
def _fetch(address, size):
    _fetch_code(address, size)


@overload(fetch)
def _(values):
    return lambda values: _fetch(values.ctypes.data, values.size * values.itemsize)


def scatter(index, value, out):
    """out[index[k]] = value[k]."""
    out[index] = value


@intrinsic
def _scatter_code(typing_context, index, value, count, out):
    def generate(builder, index, value, count, out):
        def put(k, _):
            builder.store(item(builder, value, k), builder.gep(out, [row_number(builder, index, k)]))
            return []

        count_up(builder, count, [], put)

    return types.void(index, value, count, out), intrinsic_code(generate)


@named(NOTHING, INDICES, FLOATS, types.intp, FLOATS)
def _scatter(index, value, count, out):
    _scatter_code(index, value, count, out)


@overload(scatter)
def _(index, value, out):
    return lambda index, value, out: _scatter(index.ctypes, value.ctypes, len(index), out.ctypes)


def fill(index, value, out):
    """out[index[k]] = value, of int32 values."""
    out[index] = value


@intrinsic
def _fill_code(typing_context, index, count, value, out):
    def generate(builder, index, count, value, out):
        word = builder.trunc(value, ir.IntType(32))

        def put(k, _):
            builder.store(word, builder.gep(out, [row_number(builder, index, k)]))
            return []

        count_up(builder, count, [], put)

    return types.void(index, count, value, out), intrinsic_code(generate)


@named(NOTHING, INDICES, types.intp, types.intp, INDICES)
def _fill(index, count, value, out):
    _fill_code(index, count, value, out)


@overload(fill)
def _(index, value, out):
    return lambda index, value, out: _fill(index.ctypes, len(index), value, out.ctypes)


def take(index, values, places, taken):
    """Lists the places index[k] at which `values` is not 0, with what is there, and leaves 0. Returns their number."""
    found = index[values[index] != 0]
    places[: len(found)], taken[: len(found)] = found, values[found]
    values[found] = 0
    return len(found)


@intrinsic
def _take_code(typing_context, index, count, values, places, taken):
    def generate(builder, index, count, values, places, taken):
        def look(k, found):
            place = builder.gep(values, [row_number(builder, index, k)])
            value = builder.load(place)
            builder.store(ir.Constant(FLOAT, 0.0), place)
            builder.store(item(builder, index, k), builder.gep(places, found))  # overwritten if it is none
            builder.store(value, builder.gep(taken, found))
            is_one = builder.fcmp_unordered("!=", value, ir.Constant(FLOAT, 0.0))
            return [builder.add(*found, builder.zext(is_one, WORD))]

        return count_up(builder, count, [ir.Constant(WORD, 0)], look)[0]

    return types.intp(index, count, values, places, taken), intrinsic_code(generate)


@named(types.intp, INDICES, types.intp, FLOATS, INDICES, FLOATS)
def _take(index, count, values, places, taken):
    return _take_code(index, count, values, places, taken)


@overload(take)
def _(index, values, places, taken):
    return lambda index, values, places, taken: _take(
        index.ctypes, len(index), values.ctypes, places.ctypes, taken.ctypes
    )


def transpose(matrix, pitch, rows, n, out, out_pitch):
    """out = matrix.T, (n, rows), of a flat matrix (rows, n).

    Rows start every `pitch` values, those of `out` every `out_pitch`.
    """
    given = np.lib.stride_tricks.as_strided(matrix, (rows, n), (pitch * matrix.itemsize, matrix.itemsize))
    np.lib.stride_tricks.as_strided(out, (n, rows), (out_pitch * out.itemsize, out.itemsize))[:] = given.T


def _turned(builder, vectors):
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


@intrinsic
def _transpose_code(typing_context, matrix, pitch, rows, n, out, out_pitch):
    def generate(builder, matrix, pitch, rows, n, out, out_pitch):
        lanes, last = ir.Constant(WORD, LANES), builder.sub(rows, ir.Constant(WORD, 1))

        def squares(length):
            return builder.sdiv(builder.add(length, ir.Constant(WORD, LANES - 1)), lanes)

        def down(i, _):
            first_row = builder.mul(i, lanes)

            def across(j, _):
                first = builder.mul(j, lanes)
                live = builder.sub(n, first)
                part, vectors = Strip(builder, first, 1, live), []
                for k in range(LANES):
                    row = builder.add(first_row, ir.Constant(WORD, k))
                    row = builder.select(builder.icmp_signed("<", row, last), row, last)  # what is not there is masked
                    vectors += part.load(row_address(builder, matrix, pitch, row))
                there = Strip(builder, first_row, 1, builder.sub(rows, first_row))
                for k, column in enumerate(_turned(builder, vectors)):
                    with builder.if_then(builder.icmp_signed("<", ir.Constant(WORD, k), live)):
                        place = builder.add(first, ir.Constant(WORD, k))
                        there.store(row_address(builder, out, out_pitch, place), [column])
                return []

            return count_up(builder, squares(n), [], across)

        count_up(builder, squares(rows), [], down)

    return types.void(matrix, pitch, rows, n, out, out_pitch), intrinsic_code(generate)


@named(NOTHING, FLOATS, types.intp, types.intp, types.intp, FLOATS, types.intp)
def _transpose(matrix, pitch, rows, n, out, out_pitch):
    _transpose_code(matrix, pitch, rows, n, out, out_pitch)


@overload(transpose)
def _(matrix, pitch, rows, n, out, out_pitch):
    return lambda matrix, pitch, rows, n, out, out_pitch: _transpose(
        matrix.ctypes, pitch, rows, n, out.ctypes, out_pitch
    )
