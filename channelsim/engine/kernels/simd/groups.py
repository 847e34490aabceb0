"""Sparse matrices of a mini-batch, in groups of rows: which terms a group has, and their sum.

A group has one list of the terms that are not zero in all of its rows. A row of the other matrix is read once for the
whole group, whose sums stay in registers; what that multiplies by zero costs less than reading the row again for each.
In forward passes a group is PAIR samples, in updates GROUP rows of W: neighbouring inputs are as a rule active
together. Products are added in the order of the list.
"""

from __future__ import annotations

import numpy as np
from llvmlite import ir

from channelsim.engine.config import GROUP, GROUPS, PAIR, SPAN, SUMS
from channelsim.engine.kernels.simd.code import (
    LANES,
    NUMBER,
    NUMBERS,
    VECTOR,
    WORD,
    ZEROS,
    Strip,
    broadcast,
    builder_gep,
    count_up,
    every_vector,
    row_address,
    row_number,
    strips,
    word,
)
from channelsim.engine.kernels.simd.events import Events
from channelsim.engine.kernels.simd.kernel import FLOATS, INDICES, INT, vector_kernel


def _list_columns(builder, x, stride, n, rows, index):
    listed, last = Events(builder), builder.sub(rows, word(1))
    heads = []
    for r in range(PAIR):  # one that is not there is the last one again
        is_there = builder.icmp_signed("<", word(r), last)
        heads.append(row_address(builder, x, stride, builder.select(is_there, word(r), last)))

    def block(part, written):
        is_term = None
        for head in heads:
            here = builder.fcmp_unordered("!=", part.load(head)[0], ZEROS)
            is_term = here if is_term is None else builder.or_(is_term, here)
        return [listed.append(part, is_term, *written, (None, index))]

    return every_vector(builder, n, [word(0)], block)[0]


@vector_kernel(_list_columns, FLOATS, INT, INT, INT, INDICES, result=INT)
def list_columns(x, stride, n, rows, index):
    """Lists the first n columns of a flat matrix that are not zero in its first rows, PAIR at most. Returns how many.

    Rows start every `stride` values; `index` has room for n.
    """
    matrix = np.lib.stride_tricks.as_strided(x, (rows, n), (stride * x.itemsize, x.itemsize))
    columns = np.flatnonzero((matrix != 0).any(axis=0))
    index[: len(columns)] = columns
    return len(columns)


def _list_rows(builder, x, stride, rows, columns, lists):
    bits = ir.IntType(SPAN)
    here, listed = Strip(builder, word(0), [LANES] * (SPAN // LANES), columns), Events(builder)
    heads = [builder_gep(builder, lists, builder.mul(rows, word(g))) for g in range(GROUPS + 1)]
    lengths = heads[GROUPS]
    flags = builder.gep(lengths, [word(GROUPS)])  # of each row, which of its columns are not zero

    def look(r, seen):
        row = bits(0)
        for v, values in enumerate(here.load(row_address(builder, x, stride, r))):
            some = listed.bits(builder.fcmp_unordered("!=", values, ZEROS))
            row = builder.or_(row, builder.shl(builder.zext(some, bits), bits(v * LANES)))
        builder.store(builder.zext(row, NUMBER), builder.gep(flags, [r]))
        return [builder.or_(*seen, row)]

    def block(part, written):
        (flag,) = part.load(flags)
        longer = []
        for g in range(GROUPS):
            group = builder.and_(flag, NUMBERS([((1 << GROUP) - 1) << (g * GROUP)] * LANES))
            is_one = builder.icmp_signed("!=", group, NUMBERS(None))
            longer.append(listed.append(part, is_one, written[g], (None, heads[g])))
        return longer

    (seen,) = count_up(builder, rows, [bits(0)], look)
    for g, length in enumerate(every_vector(builder, rows, [word(0)] * GROUPS, block)):
        builder.store(builder.trunc(length, NUMBER), builder.gep(lengths, [word(g)]))
    count = builder.module.declare_intrinsic("llvm.ctpop", (bits,))
    return builder.zext(builder.call(count, [seen]), WORD)


@vector_kernel(_list_rows, FLOATS, INT, INT, INT, INDICES, result=INT)
def list_rows(x, stride, rows, columns, lists):
    """For each GROUP of the first `columns` columns, SPAN at most, of a flat matrix whose rows start every `stride`
    values: lists the rows in which any of the group is not zero.

    The list of group g begins at lists[g rows], its length stands at lists[GROUPS rows + g]; behind it has to be room
    for another `rows` numbers. Returns how many of the columns are not zero.
    """
    is_term = np.lib.stride_tricks.as_strided(x, (rows, columns), (stride * x.itemsize, x.itemsize)) != 0
    for g in range(GROUPS):
        found = np.flatnonzero(is_term[:, g * GROUP : (g + 1) * GROUP].any(axis=1))
        lists[g * rows : g * rows + len(found)] = found
        lists[GROUPS * rows + g] = len(found)
    return np.count_nonzero(is_term.any(axis=0))


def _add_listed(builder, index, a, row_step, step, b, b_stride, rows, columns, c, c_stride):
    def tile(part, first, height):
        """Rows first .. first + height - 1 of c."""
        numbers = [builder.add(first, word(r)) for r in range(height)]
        heads = [builder_gep(builder, a, builder.mul(row, row_step)) for row in numbers]
        places = [row_address(builder, c, c_stride, row) for row in numbers]

        def add_term(k, sums):
            row = row_number(builder, index, k)
            values, new = part.load(row_address(builder, b, b_stride, row)), []
            for r, head in enumerate(heads):
                x = builder.load(builder.gep(head, [builder.mul(row, step)]))
                of_row = sums[r * part.vectors : (r + 1) * part.vectors]
                new += part.fma(broadcast(builder, x, VECTOR), values, of_row)
            return new

        held = [vector for place in places for vector in part.load(place)]
        sums = count_up(builder, index.size, held, add_term)
        for r, place in enumerate(places):
            part.store(place, sums[r * part.vectors : (r + 1) * part.vectors])
        return []

    def whole(height):
        strips(builder, columns, SUMS[LANES] // height, lambda part: tile(part, word(0), height))

    def one_by_one(part):
        count_up(builder, rows, [], lambda r, _: tile(part, r, 1))

    with builder.if_else(builder.icmp_signed("==", rows, word(GROUP))) as (group, fewer):
        with group:
            whole(GROUP)
        with fewer, builder.if_else(builder.icmp_signed("==", rows, word(PAIR))) as (pair, others):
            with pair:
                whole(PAIR)
            with others:
                strips(builder, columns, SUMS[LANES] // GROUP, one_by_one)


@vector_kernel(_add_listed, INDICES, FLOATS, INT, INT, FLOATS, INT, INT, INT, FLOATS, INT)
def add_listed(index, a, row_step, step, b, b_stride, rows, columns, c, c_stride):
    """c[i, j] += sum_k a[i * row_step + k * step] * b[k, j] over the listed k, for GROUP rows i at most.

    b and c are flat matrices with rows that start every b_stride and c_stride values.
    """
    k = index.astype(np.int64)
    places = np.arange(columns)
    left = a[np.arange(rows)[:, None] * row_step + k * step]
    c[np.arange(rows)[:, None] * c_stride + places] += left @ b[k[:, None] * b_stride + places]
