"""Products of matrices with vectors and with each other.

See `_vector_code` for how. The sums of `matmul` are made in the order of the rows that are added; those of `dot_rows`
run along the columns, so that the width of a vector shows in its result.
"""

from __future__ import annotations

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic, overload

from channelsim.engine.compile.symbols import NOTHING, named
from channelsim.engine.kernels.simd.code import (
    BLOCK,
    FLOAT,
    FLOATS,
    LANES,
    TREE,
    VECTOR,
    WORD,
    broadcast,
    count_up,
    intrinsic_code,
    row_address,
    strips,
)


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
        strips(builder, n, BLOCK, strip, narrow=False)

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

                    sums = count_up(builder, terms, part.zeros() * height, add_term)
                    for r, (_, place) in enumerate(heads):
                        held = [
                            builder.select(keep, old, zero)
                            for old, zero in zip(part.load(place), part.zeros(), strict=True)
                        ]
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
