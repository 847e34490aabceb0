"""Logarithm, exponential and cosine, compiled: the text of `channelsim.elementary`, and so its bits."""

from __future__ import annotations

from numba import types
from numba.extending import intrinsic, overload, register_jitable

from channelsim import elementary
from channelsim.engine.compile.jit import inner


@intrinsic
def _select(typing_context, condition, x, y):
    def generate(context, builder, signature, arguments):
        return builder.select(*arguments)

    return types.float64(types.boolean, types.float64, types.float64), generate


def _seen_as(wanted):
    """An intrinsic that sees the bits of a number as another type."""

    @intrinsic
    def seen(typing_context, value):
        def generate(context, builder, signature, arguments):
            return builder.bitcast(arguments[0], context.get_value_type(wanted))

        return wanted(value), generate

    return seen


_bits, _number = _seen_as(types.int64), _seen_as(types.float64)


@overload(elementary.select)
def _(condition, x, y):
    return lambda condition, x, y: _select(condition, x, y)


@overload(elementary.bits)
def _(x):
    return lambda x: _bits(x)


@overload(elementary.number)
def _(bits):
    return lambda bits: _number(bits)


register_jitable(elementary.power_of_two)
log, exp = inner()(elementary.log), inner()(elementary.exp)
cos_of_turn = inner()(elementary.cos_of_turn)
