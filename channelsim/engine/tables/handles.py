"""How compiled functions see `Net` and `Memory`: as handles with attributes, `mem.slots[slot].samples`.

A named tuple of eighty arrays, handed from function to function by value, costs more than most of what the engine does
with it, and makes each function slow to compile. So `handle` makes one table of addresses and sizes, and compiled code
gets a pointer to it: a Numba type whose attributes are the arrays. A table of one record is that record, as in
`mem.clock.now`. Where NUMBA_DISABLE_JIT is set a named tuple takes the handle's place, and the same source runs.
"""

from __future__ import annotations

from typing import Any, NamedTuple, get_type_hints

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.typing.templates import AttributeTemplate
from numba.extending import NativeValue, infer_getattr, lower_getattr_generic, models, register_model, unbox
from numba.np.numpy_support import from_dtype
from numpy.typing import NDArray

from channelsim.engine.compile import views
from channelsim.engine.compile.jit import inner
from channelsim.engine.compile.views import View
from channelsim.engine.tables.layouts import Field, Memory, Net

_WORD = ir.IntType(64)
_WORDS = 4  # of each array: address, planes, rows, size of the last dimension


class HandleType(types.Type):
    """The type of a pointer to the addresses of a named tuple's arrays."""

    def __init__(self, table: type) -> None:
        super().__init__(name=f"Handle({table.__name__})")
        hints = get_type_hints(table, include_extras=True)
        fields: dict[str, Field] = {name: hint.__metadata__[0] for name, hint in hints.items()}
        self.place = {name: _WORDS * k for k, name in enumerate(fields)}
        self.attributes = {name: _seen_as(field) for name, field in fields.items()}


def _seen_as(field: Field) -> types.Type:
    dtype = from_dtype(np.dtype(field.dtype))
    return View(dtype, field.dimensions) if field.dimensions else dtype


NET, MEMORY = HandleType(Net), HandleType(Memory)


class _Handle:
    """What compiled functions are given. It does not own the arrays: they must outlive it."""

    def __init__(self, kind: HandleType, arrays: NamedTuple) -> None:
        self._numba_type_ = kind
        views = []
        for array in arrays:
            planes, rows, size = (1, 1, 1, *array.shape)[-3:]
            views += [array.ctypes.data, planes, rows, size]
        self.views = np.array(views, np.int64)
        self.address = self.views.ctypes.data


def handle(arrays: Net | Memory) -> Any:
    """What compiled functions take as `net` or `mem`."""
    kind = NET if isinstance(arrays, Net) else MEMORY
    if numba.config.DISABLE_JIT:
        single = {name: getattr(arrays, name)[0] for name, seen in kind.attributes.items() if seen in _RECORDS}
        return arrays._replace(**single)
    return _Handle(kind, arrays)


_RECORDS = [seen for kind in (NET, MEMORY) for seen in kind.attributes.values() if isinstance(seen, types.Record)]


def records(table: NDArray[Any]) -> NDArray[Any]:
    """A table of records, whose rows have attributes also where the engine runs as plain Python."""
    if numba.config.DISABLE_JIT and table.dtype.names:
        return table.view(np.recarray)
    return table


register_model(HandleType)(models.OpaqueModel)


@infer_getattr
class _Attributes(AttributeTemplate):
    key = HandleType

    def generic_resolve(self, kind: HandleType, name: str) -> Any:
        return kind.attributes.get(name)


@lower_getattr_generic(HandleType)
def _attribute(context: Any, builder: Any, kind: HandleType, value: Any, name: str) -> Any:
    seen, first = kind.attributes[name], kind.place[name]
    words = builder.bitcast(value, _WORD.as_pointer())
    address = builder.load(builder.gep(words, [_WORD(first)]))
    if isinstance(seen, types.Record):
        return builder.inttoptr(address, context.get_value_type(seen))
    places = range(first + _WORDS - seen.ndim, first + _WORDS)
    return views.make(context, builder, seen, address, [builder.load(builder.gep(words, [_WORD(k)])) for k in places])


@unbox(HandleType)
def _unbox(kind: HandleType, given: Any, c: Any) -> NativeValue:
    number = c.pyapi.object_getattr_string(given, "address")
    address = c.pyapi.number_as_ssize_t(number)
    c.pyapi.decref(number)
    pointer = c.builder.inttoptr(address, c.context.get_value_type(kind))
    return NativeValue(pointer, is_error=cgutils.is_not_null(c.builder, c.pyapi.err_occurred()))


@inner(inlined=True)
def biases(net, mem, layer):
    """The biases of a layer, one for each column of W: zeros where it has none."""
    if layer.b_size > 0:
        return mem.biases[layer.b_offset : layer.b_offset + layer.b_size]
    return net.zeros[: layer.w_columns]


@inner(inlined=True)
def synapses(buffer, layer):
    """The part of a flat buffer that holds a layer's W."""
    return buffer[layer.w_offset : layer.w_offset + layer.w_extent]
