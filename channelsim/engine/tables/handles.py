"""How compiled functions see `Net` and `Memory`: as records of addresses.

A named tuple of sixty arrays, handed from function to function by value, costs more than most of what the engine does
with it, and makes each function slow to compile. So `handle` turns it into one record (address and sizes of each
array), which is passed as a pointer, and functions fetch the arrays that they use: `f4(mem.weights)`. Where
NUMBA_DISABLE_JIT is set, the named tuple itself takes the record's place, and fetching does nothing.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numba
import numpy as np
from llvmlite.ir import Constant
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numba.np.arrayobj import populate_array
from numba.np.numpy_support import from_dtype
from numpy.typing import NDArray

from channelsim.engine.compile.jit import inner
from channelsim.engine.tables.layouts import CLOCK, CONFIG, LAYER, LAYER_STATE, LINK_STATE, SLOT
from channelsim.plan.layout import CHANNEL, COUNTER, LINK, MESSAGE_ROW

VIEW = np.dtype([("address", "i8"), ("size", "i8"), ("rows", "i8"), ("planes", "i8")])  # size: of the last dimension


def record_of(table: Any) -> list[tuple[str, Any]]:
    """The fields of the record that stands for a named tuple of arrays, given its class."""
    return [(name, VIEW) for name in table._fields]


def handle(arrays: NamedTuple) -> Any:
    """The record of a named tuple's arrays. It does not own them: they must outlive it."""
    if numba.config.DISABLE_JIT:
        return arrays
    views = []
    for array in arrays:
        planes, rows, size = (1, 1, 1, *array.shape)[-3:]
        views += [array.ctypes.data, size, rows, planes]
    return np.array(views, np.int64).view(record_of(arrays))[0]


def records(table: NDArray[Any]) -> NDArray[Any]:
    """A table of records, whose rows have attributes also where the engine runs as plain Python."""
    if numba.config.DISABLE_JIT and table.dtype.names:
        return table.view(np.recarray)
    return table


def _fetcher(dtype: Any, dimensions: int = 1) -> Any:
    """A function that makes an array of this kind from its VIEW, without owning or counting references."""
    if numba.config.DISABLE_JIT:
        return lambda view: view
    array_type = types.Array(from_dtype(np.dtype(dtype)), dimensions, "C")

    @intrinsic
    def fetch(typing_context, view):
        def generate(context, builder, signature, arguments):
            word = context.get_value_type(types.intp)
            fields = builder.bitcast(arguments[0], word.as_pointer())
            address, size, rows, planes = (builder.load(builder.gep(fields, [Constant(word, k)])) for k in range(4))
            shape = [planes, rows, size][3 - dimensions :]
            item = context.get_abi_sizeof(context.get_data_type(array_type.dtype))
            strides = [Constant(word, item)]
            for length in reversed(shape[1:]):
                strides.insert(0, builder.mul(strides[0], length))
            array = context.make_array(array_type)(context, builder)
            populate_array(
                array,
                data=builder.inttoptr(address, context.get_data_type(array_type.dtype).as_pointer()),
                shape=shape,
                strides=strides,
                itemsize=Constant(word, item),
                meminfo=None,
            )
            return array._getvalue()

        return array_type(view), generate

    return fetch


f4 = _fetcher(np.float32)
f4_rows = _fetcher(np.float32, 2)
i8 = _fetcher(np.int64)
i8_rows = _fetcher(np.int64, 2)
i8_planes = _fetcher(np.int64, 3)
i4 = _fetcher(np.int32)
i4_rows = _fetcher(np.int32, 2)
flags = _fetcher(np.bool_)
configs = _fetcher(CONFIG)
clocks = _fetcher(CLOCK)
layers = _fetcher(LAYER)
channels = _fetcher(CHANNEL)
links = _fetcher(LINK)
counters = _fetcher(COUNTER)
slots = _fetcher(SLOT)
layer_states = _fetcher(LAYER_STATE)
link_states = _fetcher(LINK_STATE)
message_rows = _fetcher(MESSAGE_ROW)


@inner(inline="always")
def synapses(buffer, layer):
    """The part of a flat buffer that holds a layer's W."""
    return buffer[layer.w_offset : layer.w_offset + layer.w_extent]


if numba.config.DISABLE_JIT:

    def head(values, count):
        return values[:count]

    def address_of(values):
        return values

    def floats_at(address, count):
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
        """The address of a flat array's data, or of a record, as an integer: what a loop's parts can be given."""

        def generate(context, builder, signature, arguments):
            pointer = arguments[0]
            if isinstance(signature.args[0], types.Array):
                pointer = context.make_array(signature.args[0])(context, builder, pointer).data
            return builder.ptrtoint(pointer, context.get_value_type(types.intp))

        return types.intp(values), generate

    @intrinsic
    def floats_at(typing_context, address, count):
        """The float32 array of `count` values that lies at an address."""
        array_type = types.Array(types.float32, 1, "C")

        def generate(context, builder, signature, arguments):
            data, size = arguments
            array = context.make_array(array_type)(context, builder)
            populate_array(
                array,
                data=builder.inttoptr(data, context.get_data_type(types.float32).as_pointer()),
                shape=[size],
                strides=[Constant(context.get_value_type(types.intp), 4)],
                itemsize=Constant(context.get_value_type(types.intp), 4),
                meminfo=None,
            )
            return array._getvalue()

        return array_type(address, count), generate
