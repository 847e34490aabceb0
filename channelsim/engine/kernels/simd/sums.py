"""One answer about many values: the largest magnitude, the sum of the squares, whether all are finite.

See `_vector_code` for how.
"""

from __future__ import annotations

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic, overload

from channelsim.engine.compile.symbols import named
from channelsim.engine.kernels.simd.code import (
    FLOAT,
    FLOATS,
    LANES,
    NUMBERS,
    TREE,
    VECTOR,
    WORD,
    ZEROS,
    every_vector,
    intrinsic_code,
)

DOUBLE = ir.DoubleType()
DOUBLES = ir.VectorType(DOUBLE, LANES)
INFINITY = 0x7F800000  # as an integer: of all magnitudes, those from here on are not finite


def largest(values):
    """The largest magnitude, 0 of no values. With a NaN among them, any number."""
    return np.abs(values).max(initial=np.float32(0))


@intrinsic
def _largest_code(typing_context, values, n):
    def generate(builder, values, n):
        kinds = ir.FunctionType(VECTOR, [VECTOR]), ir.FunctionType(FLOAT, [VECTOR])
        magnitude = builder.module.declare_intrinsic(f"llvm.fabs.v{LANES}f32", (), kinds[0])
        top = builder.module.declare_intrinsic(f"llvm.vector.reduce.fmax.v{LANES}f32", (), kinds[1])

        def block(part, seen):
            (x,) = part.load(values)
            x = builder.call(magnitude, [x])
            return [builder.select(builder.fcmp_ordered(">", x, *seen), x, *seen)]

        return builder.call(top, every_vector(builder, n, [ZEROS], block), fastmath=("nnan",))

    return types.float32(values, n), intrinsic_code(generate)


@named(types.float32, FLOATS, types.intp)
def _largest(values, n):
    return _largest_code(values, n)


@overload(largest)
def _(values):
    return lambda values: _largest(values.ctypes, len(values))


def are_finite(values):
    """1 if no value is infinite or NaN, else 0."""
    return int(np.isfinite(values).all())


@intrinsic
def _are_finite_code(typing_context, values, n):
    def generate(builder, values, n):
        top = builder.module.declare_intrinsic(
            f"llvm.vector.reduce.smax.v{LANES}i32", (), ir.FunctionType(ir.IntType(32), [NUMBERS])
        )
        without_sign = ir.Constant(NUMBERS, [0x7FFFFFFF] * LANES)

        def block(part, seen):
            (x,) = part.load(values)
            bits = builder.and_(builder.bitcast(x, NUMBERS), without_sign)
            return [builder.select(builder.icmp_signed(">", bits, *seen), bits, *seen)]

        largest = builder.call(top, every_vector(builder, n, [ir.Constant(NUMBERS, None)], block))
        return builder.zext(builder.icmp_signed("<", largest, ir.Constant(ir.IntType(32), INFINITY)), WORD)

    return types.intp(values, n), intrinsic_code(generate)


@named(types.intp, FLOATS, types.intp)
def _are_finite(values, n):
    return _are_finite_code(values, n)


@overload(are_finite)
def _(values):
    return lambda values: _are_finite(values.ctypes, len(values))


def sum_of_squares(values):
    """The sum of the squares, in float64."""
    return np.square(values, dtype=np.float64).sum()


@intrinsic
def _sum_of_squares_code(typing_context, values, n):
    def generate(builder, values, n):
        total = builder.module.declare_intrinsic(
            f"llvm.vector.reduce.fadd.v{LANES}f64", (), ir.FunctionType(DOUBLE, [DOUBLE, DOUBLES])
        )

        def block(part, sums):
            (x,) = part.load(values)
            wide = builder.fpext(x, DOUBLES)
            return [builder.fadd(*sums, builder.fmul(wide, wide, flags=TREE), flags=TREE)]

        nothing = ir.Constant(DOUBLES, [ir.Constant(DOUBLE, 0.0)] * LANES)
        sums = every_vector(builder, n, [nothing], block)
        return builder.call(total, [ir.Constant(DOUBLE, 0.0), *sums], fastmath=TREE)

    return types.float64(values, n), intrinsic_code(generate)


@named(types.float64, FLOATS, types.intp)
def _sum_of_squares(values, n):
    return _sum_of_squares_code(values, n)


@overload(sum_of_squares)
def _(values):
    return lambda values: _sum_of_squares(values.ctypes, len(values))
