"""Arrays as compiled code sees them: an address and a length in each dimension.

Numba's own arrays count references, have strides, and let an index count from the end, so that every element and slice
takes tens of instructions to write down, and most of the time to compile. A `View` is contiguous, owns nothing, and is
indexed from its start: by numbers that are not negative and, in slices, may lie behind its end. Of a table of records
an element is the record itself, as in `slots[k].samples`.

The same source runs on NumPy's arrays where NUMBA_DISABLE_JIT is set.
"""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.typing.templates import AbstractTemplate, AttributeTemplate, infer_global, signature
from numba.extending import (
    NativeValue,
    infer_getattr,
    lower_builtin,
    lower_getattr,
    models,
    register_model,
    unbox,
)
from numba.np.numpy_support import as_dtype, from_dtype

_WORD = ir.IntType(64)


class View(types.Type):
    """Numba's type of a contiguous array of `ndim` dimensions."""

    def __init__(self, dtype: types.Type, ndim: int = 1) -> None:
        self.dtype, self.ndim = dtype, ndim
        super().__init__(name=f"View({dtype}, {ndim})")

    @property
    def itemsize(self) -> int:
        """Bytes from one element to the next."""
        return int(as_dtype(self.dtype).itemsize)


def view_of(dtype: Any, ndim: int = 1) -> View:
    """The type of views of arrays of a NumPy dtype."""
    return View(from_dtype(np.dtype(dtype)), ndim)


class Viewed:
    """A contiguous array that compiled functions receive as a view. It has to outlive the call."""

    def __init__(self, array: Any) -> None:
        if not array.flags.c_contiguous:
            raise TypeError(f"a view is contiguous; this array has strides {array.strides}")
        self._numba_type_ = view_of(array.dtype, array.ndim)
        self.address, self.shape = array.ctypes.data, array.shape


@register_model(View)
class _Model(models.PrimitiveModel):
    """A structure by value: the address, then the lengths."""

    def __init__(self, manager: Any, kind: View) -> None:
        pointer = manager[kind.dtype].get_data_type().as_pointer()
        super().__init__(manager, kind, ir.LiteralStructType([pointer] + [_WORD] * kind.ndim))


def make(context: Any, builder: Any, kind: View, address: Any, lengths: list[Any]) -> Any:
    """A view of what lies at an address, a pointer of any kind or an integer."""
    struct = context.get_value_type(kind)
    is_number = isinstance(address.type, ir.IntType)
    pointer = (builder.inttoptr if is_number else builder.bitcast)(address, struct.elements[0])
    value = builder.insert_value(ir.Constant(struct, ir.Undefined), pointer, 0)
    for k, length in enumerate(lengths):
        value = builder.insert_value(value, length, 1 + k)
    return value


def address_of(builder: Any, value: Any) -> Any:
    """The pointer to a view's first element."""
    return builder.extract_value(value, 0)


def lengths_of(builder: Any, kind: View, value: Any) -> list[Any]:
    """A view's length in each dimension."""
    return [builder.extract_value(value, 1 + k) for k in range(kind.ndim)]


@unbox(View)
def _unbox(kind: View, given: Any, c: Any) -> NativeValue:
    def number(taken: Any) -> Any:
        made = c.pyapi.number_as_ssize_t(taken)
        c.pyapi.decref(taken)
        return made

    shape = c.pyapi.object_getattr_string(given, "shape")
    lengths = [number(c.pyapi.call_method(shape, "__getitem__", [_index(c, k)])) for k in range(kind.ndim)]
    c.pyapi.decref(shape)
    address = number(c.pyapi.object_getattr_string(given, "address"))
    return NativeValue(make(c.context, c.builder, kind, address, lengths))


def _index(c: Any, k: int) -> Any:
    return c.pyapi.long_from_ssize_t(c.context.get_constant(types.intp, k))


# --- elements and slices ---------------------------------------------------------------------------------------


def _indexed(kind: Any, index: Any) -> tuple[Any, Any] | None:
    """(what an index leads to, the index as it is taken): some integers, then perhaps a slice."""
    parts = tuple(index) if isinstance(index, types.BaseTuple) else (index,)
    if not isinstance(kind, View) or len(parts) > kind.ndim:
        return None
    taken = [part if part is types.slice2_type else types.intp for part in parts]
    if not all(isinstance(part, types.Integer) for part in parts[:-1]):
        return None
    if not isinstance(parts[-1], types.Integer) and parts[-1] != types.slice2_type:
        return None
    left = kind.ndim - len(parts) + (parts[-1] == types.slice2_type)
    as_taken = types.Tuple(taken) if isinstance(index, types.BaseTuple) else taken[0]
    return (View(kind.dtype, left) if left else kind.dtype), as_taken


def _place(context: Any, builder: Any, kind: View, index: Any, value: Any, at: Any) -> tuple[Any, list[Any]]:
    """(pointer to the first element, lengths) of what an index leads to."""
    pointer, lengths = address_of(builder, value), lengths_of(builder, kind, value)
    parts = list(zip(index, cgutils.unpack_tuple(builder, at), strict=True)) if isinstance(index, types.BaseTuple) \
        else [(index, at)]  # fmt: skip
    for k, (part, number) in enumerate(parts):
        sliced = part == types.slice2_type
        first = builder.extract_value(number, 0) if sliced else number
        offset = first
        for length in lengths[k + 1 :]:
            offset = builder.mul(offset, length)
        pointer = builder.gep(pointer, [offset])
        if sliced:
            last = builder.extract_value(number, 1)
            last = builder.select(builder.icmp_signed("<", last, lengths[k]), last, lengths[k])
            count = builder.sub(last, first)
            none = ir.Constant(_WORD, 0)
            count = builder.select(builder.icmp_signed(">", count, none), count, none)
            return pointer, [count, *lengths[k + 1 :]]
    return pointer, lengths[len(parts) :]


@infer_global(operator.getitem)
class _GetItem(AbstractTemplate):
    def generic(self, args: Any, kws: Any) -> Any:
        found = _indexed(*args)
        return found and signature(found[0], args[0], found[1])


@lower_builtin(operator.getitem, View, types.Any)
def _getitem(context: Any, builder: Any, signature: Any, values: Any) -> Any:
    kind, index = signature.args
    pointer, lengths = _place(context, builder, kind, index, *values)
    if lengths:
        return make(context, builder, signature.return_type, pointer, lengths)
    if isinstance(kind.dtype, types.Record):
        return pointer
    return context.unpack_value(builder, kind.dtype, pointer)


@infer_global(operator.setitem)
class _SetItem(AbstractTemplate):
    def generic(self, args: Any, kws: Any) -> Any:
        kind, index, value = args
        found = _indexed(kind, index)
        if found is None or isinstance(value, View):
            return None
        return signature(types.none, kind, found[1], kind.dtype)


@lower_builtin(operator.setitem, View, types.Any, types.Any)
def _setitem(context: Any, builder: Any, signature: Any, values: Any) -> Any:
    kind, index, _ = signature.args
    view, at, item = values
    pointer, lengths = _place(context, builder, kind, index, view, at)
    if not lengths:
        context.pack_value(builder, kind.dtype, item, pointer)
    else:
        [count] = lengths
        with cgutils.for_range(builder, count) as loop:
            context.pack_value(builder, kind.dtype, item, builder.gep(pointer, [loop.index]))
    return context.get_dummy_value()


@infer_global(len)
class _Len(AbstractTemplate):
    def generic(self, args: Any, kws: Any) -> Any:
        return signature(types.intp, args[0]) if isinstance(args[0], View) else None


@lower_builtin(len, View)
def _len(context: Any, builder: Any, signature: Any, values: Any) -> Any:
    return builder.extract_value(values[0], 1)


@infer_getattr
class _Attributes(AttributeTemplate):
    key = View

    def resolve_shape(self, kind: View) -> Any:
        return types.UniTuple(types.intp, kind.ndim)


@lower_getattr(View, "shape")
def _shape(context: Any, builder: Any, kind: View, value: Any) -> Any:
    return cgutils.pack_array(builder, lengths_of(builder, kind, value))
