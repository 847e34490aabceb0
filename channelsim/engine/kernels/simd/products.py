"""Products of matrices with vectors and with each other.

The sums of `matmul` are made in the order of the rows that are added, INNER of them at a time; those of `dot_rows` run
along a row, in PARTIALS partial sums.
"""

from __future__ import annotations

import numpy as np
from llvmlite import ir

from channelsim.engine.config import DOT_ROWS, TILE, TILE_WIDTH
from channelsim.engine.kernels.simd.code import (
    LANES,
    PARTIALS,
    VECTOR,
    Strip,
    broadcast,
    builder_gep,
    count_up,
    every_partial,
    fma,
    row_address,
    strips,
    total,
    word,
)
from channelsim.engine.kernels.simd.kernel import FLOATS, INT, REAL, vector_kernel

INNER = 256  # terms summed in one pass: so many rows of a strip of `b` stay in the cache


def _dot_rows(builder, matrix, stride, message, out):
    vectors = PARTIALS // LANES

    def some(first, height):
        heads = [row_address(builder, matrix, stride, builder.add(first, word(r))) for r in range(height)]

        def dot(part, sums):
            values, new = part.load(message), []
            for r, head in enumerate(heads):
                row = sums[r * vectors : (r + 1) * vectors]
                new += [fma(builder, *terms) for terms in zip(values, part.load(head), row, strict=True)]
            return new

        zeros = [ir.Constant(VECTOR, None)] * (height * vectors)
        sums = every_partial(builder, message.size, zeros, dot)
        for r in range(height):
            place = builder_gep(builder, out, builder.add(first, word(r)))
            builder.store(total(builder, sums[r * vectors : (r + 1) * vectors]), place)

    def in_groups(first, rows, height):
        """Rows from `first` on, so many at once; returns the row after the last whole group."""
        groups = builder.sdiv(rows, word(height))
        many = builder.mul(groups, word(height))
        count_up(builder, many, [], lambda k, _: some(builder.add(first, k), height) or [], step=height)
        return builder.add(first, many)

    done = in_groups(word(0), out.size, DOT_ROWS[LANES])
    in_groups(done, builder.sub(out.size, done), 1)


@vector_kernel(_dot_rows, FLOATS, INT, FLOATS, FLOATS)
def dot_rows(matrix, stride, message, out):
    """out[r] = sum_j W[r, j] message[j] for every row r."""
    out[:] = matrix.reshape(-1, stride)[: len(out), : len(message)] @ message


def _matmul(builder, a, row_step, step, b, b_stride, rows, inner, columns, scale, add, c, c_stride):
    factor = broadcast(builder, scale, VECTOR)
    passes = builder.sdiv(builder.add(inner, word(INNER - 1)), word(INNER))

    def strip(part: Strip):
        def one_pass(p, _):
            first = builder.mul(p, word(INNER))
            rest = builder.sub(inner, first)
            terms = builder.select(builder.icmp_signed("<", rest, word(INNER)), rest, word(INNER))
            keep = builder.or_(builder.icmp_signed("!=", add, word(0)), builder.icmp_signed("!=", p, word(0)))
            left = builder_gep(builder, a, builder.mul(first, step))
            right = builder_gep(builder, b, builder.mul(first, b_stride))

            def tile(i, height):
                """Rows i .. i + height - 1 of c."""
                numbers = [builder.add(i, word(r)) for r in range(height)]
                heads = [builder.gep(left, [builder.mul(row, row_step)]) for row in numbers]
                places = [row_address(builder, c, c_stride, row) for row in numbers]

                def add_term(k, sums):
                    values, new = part.load(row_address(builder, right, b_stride, k)), []
                    for r, head in enumerate(heads):
                        x = builder.load(builder.gep(head, [builder.mul(k, step)]))
                        of_row = sums[r * part.vectors : (r + 1) * part.vectors]
                        new += part.fma(broadcast(builder, x, VECTOR), values, of_row)
                    return new

                sums = count_up(builder, terms, part.zeros() * height, add_term)
                for r, place in enumerate(places):
                    held = zip(part.load(place), part.zeros(), strict=True)
                    kept = [builder.select(keep, old, zero) for old, zero in held]
                    part.store(place, part.fma(factor, sums[r * part.vectors : (r + 1) * part.vectors], kept))
                return []

            height = min(8, TILE[LANES] // part.vectors)
            done = builder.mul(builder.sdiv(rows, word(height)), word(height))
            count_up(builder, done, [], lambda i, _: tile(i, height), step=height)
            count_up(builder, builder.sub(rows, done), [], lambda i, _: tile(builder.add(done, i), 1))
            return []

        count_up(builder, passes, [], one_pass)

    strips(builder, columns, TILE_WIDTH[LANES], strip)


@vector_kernel(_matmul, FLOATS, INT, INT, FLOATS, INT, INT, INT, INT, REAL, INT, FLOATS, INT)
def matmul(a, row_step, step, b, b_stride, rows, inner, columns, scale, add, c, c_stride):
    """c[i, j] = scale * sum_k a[i * row_step + k * step] * b[k, j], plus what c holds if `add`.

    b is (inner, columns) and c (rows, columns), flat, with rows that start every b_stride and c_stride values.
    """
    left = np.lib.stride_tricks.as_strided(a, (rows, inner), (row_step * a.itemsize, step * a.itemsize))
    right = np.lib.stride_tricks.as_strided(b, (inner, columns), (b_stride * b.itemsize, b.itemsize))
    result = np.lib.stride_tricks.as_strided(c, (rows, columns), (c_stride * c.itemsize, c.itemsize))
    result[:] = scale * (left @ right) + (result if add else 0)
