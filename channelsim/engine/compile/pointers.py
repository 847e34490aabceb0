"""Flat arrays by their address: what slices would cost more for, and how units pass arrays to each other."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from channelsim.engine.compile import views

if numba.config.DISABLE_JIT:

    def head(values: Any, count: int) -> Any:
        return values[:count]

    def address_of(values: Any) -> Any:
        return values

    def floats_at(address: Any, count: int) -> Any:
        return address[:count]

    def as_words(values: Any) -> Any:
        return values.view(np.int32)

else:

    @intrinsic
    def head(typing_context, values, count):
        """The first `count` values of a flat array that has as many: a slice without the checks."""

        def generate(context, builder, signature, arguments):
            return builder.insert_value(*arguments, 1)

        return values(values, types.intp), generate

    @intrinsic
    def address_of(typing_context, values):
        """The address of a flat array's data, as an integer."""

        def generate(context, builder, signature, arguments):
            return builder.ptrtoint(views.address_of(builder, arguments[0]), ir.IntType(64))

        return types.intp(values), generate

    @intrinsic
    def floats_at(typing_context, address, count):
        """The float32 array of `count` values that lies at an address."""

        def generate(context, builder, signature, arguments):
            return views.make(context, builder, signature.return_type, arguments[0], [arguments[1]])

        return views.view_of("f4")(types.intp, types.intp), generate

    @intrinsic
    def as_words(typing_context, values):
        """The same memory, of float32 values, seen as int32."""

        def generate(context, builder, signature, arguments):
            place, lengths = views.address_of(builder, arguments[0]), views.lengths_of(builder, values, arguments[0])
            return views.make(context, builder, signature.return_type, place, lengths)

        return views.view_of("i4")(values), generate
