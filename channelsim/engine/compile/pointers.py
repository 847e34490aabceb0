"""Flat arrays by their address: what slices, and arrays as arguments of external symbols, would cost more for."""

from __future__ import annotations

from typing import Any

import numba
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numba.np.arrayobj import populate_array

if numba.config.DISABLE_JIT:

    def head(values: Any, count: int) -> Any:
        return values[:count]

    def address_of(values: Any) -> Any:
        return values

    def floats_at(address: Any, count: int) -> Any:
        return address[:count]

else:

    @intrinsic
    def head(typing_context, values, count):
        """The first `count` values of a flat array that has as many: a slice without the checks, a few ns each."""

        def generate(context, builder, signature, arguments):
            array = context.make_array(signature.args[0])(context, builder, arguments[0])
            array.shape = cgutils.pack_array(builder, [arguments[1]])
            array.nitems = arguments[1]
            return array._getvalue()

        return values(values, types.intp), generate

    @intrinsic
    def address_of(typing_context, values):
        """The address of a flat array's data, as an integer."""

        def generate(context, builder, signature, arguments):
            data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
            return builder.ptrtoint(data, ir.IntType(64))

        return types.intp(values), generate

    @intrinsic
    def floats_at(typing_context, address, count):
        """The float32 array of `count` values that lies at an address."""
        array_type = types.Array(types.float32, 1, "C")

        def generate(context, builder, signature, arguments):
            data, size = arguments
            array = context.make_array(array_type)(context, builder)
            item = ir.IntType(64)(4)
            populate_array(
                array,
                data=builder.inttoptr(data, ir.FloatType().as_pointer()),
                shape=[size],
                strides=[item],
                itemsize=item,
                meminfo=None,
            )
            return array._getvalue()

        return array_type(address, count), generate
