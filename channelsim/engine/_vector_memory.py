"""Values copied as one block, put in their places, and asked for before they are needed.

A copying loop of the compiler tests whether the arrays overlap, and does what is behind the last whole vector one value
at a time; one that puts values in their places asks of each place whether it counts from the end. See `_vector_code`
for how.
"""

from __future__ import annotations

from llvmlite import ir
from numba import types
from numba.extending import intrinsic, overload

from channelsim.engine._named import NOTHING, named
from channelsim.engine._vector_code import FLOAT, FLOATS, INDICES, WORD, count_up, intrinsic_code, item, row_number

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


def clear(index, out):
    """out[index[k]] = 0."""
    out[index] = 0


@intrinsic
def _clear_code(typing_context, index, count, out):
    def generate(builder, index, count, out):
        def put(k, _):
            builder.store(ir.Constant(FLOAT, 0.0), builder.gep(out, [row_number(builder, index, k)]))
            return []

        count_up(builder, count, [], put)

    return types.void(index, count, out), intrinsic_code(generate)


@named(NOTHING, INDICES, types.intp, FLOATS)
def _clear(index, count, out):
    _clear_code(index, count, out)


@overload(clear)
def _(index, out):
    return lambda index, out: _clear(index.ctypes, len(index), out.ctypes)


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
