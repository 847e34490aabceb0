"""Sparse matrices of a mini-batch, in groups of rows: which terms a group has, and their sum.

A group has one list of the terms that are not zero in all of its rows. A row of the other matrix is read once for the
whole group, whose sums stay in registers; what that multiplies by zero costs less than reading the row again for each.
In forward passes a group is PAIR samples, in updates GROUP rows of W: neighbouring inputs, as a rule, speak together.
See `_vector_code` for how. Products are added in the order of the list.
"""

from __future__ import annotations

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic, overload

from channelsim.engine.compile.symbols import NOTHING, named
from channelsim.engine.kernels.simd.code import (
    BLOCK,
    FLOATS,
    INDICES,
    LANES,
    NUMBERS,
    VECTOR,
    WORD,
    ZEROS,
    Strip,
    broadcast,
    count_up,
    every_vector,
    intrinsic_code,
    row_address,
    row_number,
    strips,
)
from channelsim.engine.kernels.simd.events import Events

PAIR, GROUP = 2, 4  # samples, or rows of W, that share a list
GROUPS = LANES // GROUP  # that lie in one vector of columns
NUMBER = ir.IntType(32)


def list_columns(x, pitch, n, rows, index):
    """Lists the first n columns of a flat matrix that are not zero in its first rows, PAIR at most. Returns how many.

    Rows start every `pitch` values; `index` has room for n.
    """
    matrix = np.lib.stride_tricks.as_strided(x, (rows, n), (pitch * x.itemsize, x.itemsize))
    columns = np.flatnonzero((matrix != 0).any(axis=0))
    index[: len(columns)] = columns
    return len(columns)


@intrinsic
def _list_columns_code(typing_context, x, pitch, n, rows, index):
    def generate(builder, x, pitch, n, rows, index):
        listed, last = Events(builder), builder.sub(rows, ir.Constant(WORD, 1))
        heads = []
        for r in range(PAIR):  # one that is not there is the last one again
            is_there = builder.icmp_signed("<", ir.Constant(WORD, r), last)
            heads.append(row_address(builder, x, pitch, builder.select(is_there, ir.Constant(WORD, r), last)))

        def block(part, written):
            speaks = None
            for head in heads:
                here = builder.fcmp_unordered("!=", part.load(head)[0], ZEROS)
                speaks = here if speaks is None else builder.or_(speaks, here)
            return [listed.append_places(part, speaks, index, *written)]

        return every_vector(builder, n, [ir.Constant(WORD, 0)], block)[0]

    return types.intp(x, pitch, n, rows, index), intrinsic_code(generate)


@named(types.intp, FLOATS, types.intp, types.intp, types.intp, INDICES)
def _list_columns(x, pitch, n, rows, index):
    return _list_columns_code(x, pitch, n, rows, index)


@overload(list_columns)
def _(x, pitch, n, rows, index):
    return lambda x, pitch, n, rows, index: _list_columns(x.ctypes, pitch, n, rows, index.ctypes)


def list_rows(x, pitch, rows, columns, lists):
    """For each GROUP of the first `columns` columns, LANES at most, of a flat matrix whose rows start every `pitch`
    values: lists the rows in which any of the group is not zero.

    The list of group g begins at lists[g rows], its length stands at lists[GROUPS rows + g]; behind it has to be room
    for another `rows` numbers. Returns how many of the columns are not zero.
    """
    speaks = np.lib.stride_tricks.as_strided(x, (rows, columns), (pitch * x.itemsize, x.itemsize)) != 0
    for g in range(GROUPS):
        found = np.flatnonzero(speaks[:, g * GROUP : (g + 1) * GROUP].any(axis=1))
        lists[g * rows : g * rows + len(found)] = found
        lists[GROUPS * rows + g] = len(found)
    return np.count_nonzero(speaks.any(axis=0))


@intrinsic
def _list_rows_code(typing_context, x, pitch, rows, columns, lists):
    def generate(builder, x, pitch, rows, columns, lists):
        bits = ir.IntType(LANES)
        here, listed = Strip(builder, ir.Constant(WORD, 0), 1, columns), Events(builder)
        heads = [builder.gep(lists, [builder.mul(rows, ir.Constant(WORD, g))]) for g in range(GROUPS + 1)]
        lengths = heads[GROUPS]
        flags = builder.gep(lengths, [ir.Constant(WORD, GROUPS)])  # of each row, which of its columns are not zero

        def look(r, seen):
            (values,) = here.load(row_address(builder, x, pitch, r))
            speaks = builder.bitcast(builder.fcmp_unordered("!=", values, ZEROS), bits)
            builder.store(builder.zext(speaks, NUMBER), builder.gep(flags, [r]))
            return [builder.or_(*seen, speaks)]

        def block(part, written):
            (flag,) = part.load(flags)
            longer = []
            for g in range(GROUPS):
                group = builder.and_(flag, NUMBERS([((1 << GROUP) - 1) << (g * GROUP)] * LANES))
                is_one = builder.icmp_signed("!=", group, NUMBERS(None))
                longer.append(listed.append_places(part, is_one, heads[g], written[g]))
            return longer

        (seen,) = count_up(builder, rows, [bits(0)], look)
        for g, length in enumerate(every_vector(builder, rows, [ir.Constant(WORD, 0)] * GROUPS, block)):
            builder.store(builder.trunc(length, NUMBER), builder.gep(lengths, [ir.Constant(WORD, g)]))
        count = builder.module.declare_intrinsic("llvm.ctpop", (bits,))
        return builder.zext(builder.call(count, [seen]), WORD)

    return types.intp(x, pitch, rows, columns, lists), intrinsic_code(generate)


@named(types.intp, FLOATS, types.intp, types.intp, types.intp, INDICES)
def _list_rows(x, pitch, rows, columns, lists):
    return _list_rows_code(x, pitch, rows, columns, lists)


@overload(list_rows)
def _(x, pitch, rows, columns, lists):
    return lambda x, pitch, rows, columns, lists: _list_rows(x.ctypes, pitch, rows, columns, lists.ctypes)


def add_listed(index, a, row_step, step, b, b_pitch, rows, columns, c, c_pitch):
    """c[i, j] += sum_k a[i * row_step + k * step] * b[k, j] over the listed k, for GROUP rows i at most.

    b and c are flat matrices with rows that start every b_pitch and c_pitch values.
    """
    k = index.astype(np.int64)
    places = np.arange(columns)
    left = a[np.arange(rows)[:, None] * row_step + k * step]
    c[np.arange(rows)[:, None] * c_pitch + places] += left @ b[k[:, None] * b_pitch + places]


@intrinsic
def _add_listed_code(typing_context, index, count, a, row_step, step, b, b_pitch, rows, columns, c, c_pitch):
    def generate(builder, index, count, a, row_step, step, b, b_pitch, rows, columns, c, c_pitch):
        def tile(part, first, height):
            """Rows first .. first + height - 1 of c."""
            numbers = [builder.add(first, ir.Constant(WORD, r)) for r in range(height)]
            heads = [builder.gep(a, [builder.mul(row, row_step)]) for row in numbers]
            places = [row_address(builder, c, c_pitch, row) for row in numbers]

            def add_term(k, sums):
                row = row_number(builder, index, k)
                values = part.load(row_address(builder, b, b_pitch, row))
                new = []
                for r, head in enumerate(heads):
                    x = builder.load(builder.gep(head, [builder.mul(row, step)]))
                    new += part.fma(broadcast(builder, x, VECTOR), values,
                                    sums[r * part.vectors : (r + 1) * part.vectors])  # fmt: skip
                return new

            held = [vector for place in places for vector in part.load(place)]
            sums = count_up(builder, count, held, add_term)
            for r, place in enumerate(places):
                part.store(place, sums[r * part.vectors : (r + 1) * part.vectors])
            return []

        def whole(height):
            strips(builder, columns, 2 * BLOCK // height, lambda part: tile(part, ir.Constant(WORD, 0), height))

        def one_by_one(part):
            count_up(builder, rows, [], lambda r, _: tile(part, r, 1))

        with builder.if_else(builder.icmp_signed("==", rows, ir.Constant(WORD, GROUP))) as (group, fewer):
            with group:
                whole(GROUP)
            with fewer, builder.if_else(builder.icmp_signed("==", rows, ir.Constant(WORD, PAIR))) as (pair, others):
                with pair:
                    whole(PAIR)
                with others:
                    strips(builder, columns, BLOCK // 2, one_by_one)

    signature = types.void(index, count, a, row_step, step, b, b_pitch, rows, columns, c, c_pitch)
    return signature, intrinsic_code(generate)


@named(
    NOTHING, INDICES, types.intp, FLOATS, types.intp, types.intp, FLOATS, types.intp, types.intp, types.intp, FLOATS,
    types.intp,
)  # fmt: skip
def _add_listed(index, count, a, row_step, step, b, b_pitch, rows, columns, c, c_pitch):
    _add_listed_code(index, count, a, row_step, step, b, b_pitch, rows, columns, c, c_pitch)


@overload(add_listed)
def _(index, a, row_step, step, b, b_pitch, rows, columns, c, c_pitch):
    return lambda index, a, row_step, step, b, b_pitch, rows, columns, c, c_pitch: _add_listed(
        index.ctypes, len(index), a.ctypes, row_step, step, b.ctypes, b_pitch, rows, columns, c.ctypes, c_pitch
    )
