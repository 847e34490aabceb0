"""Values copied as one block, and asked for before they are needed.

A copying loop of the compiler tests whether the arrays overlap, and does what is behind the last whole vector one value
at a time. See `_vector_code` for how.
"""

from __future__ import annotations

from llvmlite import ir
from numba import types
from numba.extending import intrinsic, overload

from channelsim.engine._named import NOTHING, named
from channelsim.engine._vector_code import FLOATS, WORD, count_up, intrinsic_code

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
    """Asks memory for values that will be needed soon. Nothing depends on it but the time they take."""


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
            builder.call(ask, [line, *(ir.Constant(word, n) for n in (0, 3, 1))])  # to read, often, data
            return []

        count_up(builder, lines, [], ask_for)

    return types.void(address, size), intrinsic_code(generate)


@named(NOTHING, types.intp, types.intp)
def _fetch(address, size):
    _fetch_code(address, size)


@overload(fetch)
def _(values):
    return lambda values: _fetch(values.ctypes.data, values.size * values.itemsize)
