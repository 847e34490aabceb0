"""One answer about many values: the largest magnitude, the sum of the squares, whether all are finite."""

from __future__ import annotations

import numpy as np
from llvmlite import ir

from channelsim.engine.kernels.simd.code import (
    FLOAT,
    LANES,
    NUMBER,
    NUMBERS,
    PARTIALS,
    VECTOR,
    WORD,
    ZEROS,
    every_partial,
    every_vector,
    total,
)
from channelsim.engine.kernels.simd.kernel import DOUBLE, FLOATS, INT, REAL, vector_kernel

DOUBLES = ir.VectorType(ir.DoubleType(), LANES)
INFINITY = 0x7F800000  # as an integer: of all magnitudes, those from here on are not finite


def _largest(builder, values):
    kinds = ir.FunctionType(VECTOR, [VECTOR]), ir.FunctionType(FLOAT, [VECTOR])
    magnitude = builder.module.declare_intrinsic(f"llvm.fabs.v{LANES}f32", (), kinds[0])
    top = builder.module.declare_intrinsic(f"llvm.vector.reduce.fmax.v{LANES}f32", (), kinds[1])

    def block(part, seen):
        (x,) = part.load(values)
        x = builder.call(magnitude, [x])
        return [builder.select(builder.fcmp_ordered(">", x, *seen), x, *seen)]

    return builder.call(top, every_vector(builder, values.size, [ZEROS], block), fastmath=("nnan",))


@vector_kernel(_largest, FLOATS, result=REAL)
def largest(values):
    """The largest magnitude, 0 of no values. A NaN does not count."""
    return np.fmax.reduce(np.abs(values), initial=np.float32(0))


def _are_finite(builder, values):
    top = builder.module.declare_intrinsic(
        f"llvm.vector.reduce.smax.v{LANES}i32", (), ir.FunctionType(NUMBER, [NUMBERS])
    )
    without_sign = ir.Constant(NUMBERS, [0x7FFFFFFF] * LANES)

    def block(part, seen):
        (x,) = part.load(values)
        bits = builder.and_(builder.bitcast(x, NUMBERS), without_sign)
        return [builder.select(builder.icmp_signed(">", bits, *seen), bits, *seen)]

    largest = builder.call(top, every_vector(builder, values.size, [ir.Constant(NUMBERS, None)], block))
    return builder.zext(builder.icmp_signed("<", largest, ir.Constant(NUMBER, INFINITY)), WORD)


@vector_kernel(_are_finite, FLOATS, result=INT)
def are_finite(values):
    """1 if no value is infinite or NaN, else 0."""
    return int(np.isfinite(values).all())


def _sum_of_squares(builder, values):
    def block(part, sums):
        wide = [builder.fpext(x, DOUBLES) for x in part.load(values)]
        return [builder.fadd(seen, builder.fmul(x, x)) for seen, x in zip(sums, wide, strict=True)]

    nothing = ir.Constant(DOUBLES, [ir.Constant(ir.DoubleType(), 0.0)] * LANES)
    return total(builder, every_partial(builder, values.size, [nothing] * (PARTIALS // LANES), block))


@vector_kernel(_sum_of_squares, FLOATS, result=DOUBLE)
def sum_of_squares(values):
    """The sum of the squares, in float64."""
    partials = np.zeros(PARTIALS)
    for k, value in enumerate(values.astype(np.float64)):
        partials[k % PARTIALS] += value * value
    while len(partials) > 1:
        partials = partials[: len(partials) // 2] + partials[len(partials) // 2 :]
    return partials[0]
