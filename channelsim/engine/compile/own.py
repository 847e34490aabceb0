"""Functions of the user's own, compiled so that the engine can call them by their address.

They need what the engine does without: arrays of their own, exceptions, the C library's functions. So Numba compiles
each as a C callback, apart from the engine's units, which stay as they are. What a callback is given and returns is the
same for all functions of values, and for all steps of learning rules.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from functools import cache
from types import CodeType, FunctionType
from typing import Any

import numba
from llvmlite import ir
from numba import types
from numba.core.errors import NumbaError
from numba.extending import intrinsic, is_jitted

from channelsim import parts
from channelsim.engine.compile import machine, views
from channelsim.errors import InputError

machine.use()

WELL, RAISED, NOT_FINITE = 0, 1, 2
"""What a callback returns."""

Address = int
_FLOATS, _DOUBLES, _WORD = types.CPointer(types.float32), types.CPointer(types.float64), types.int64
STAGE = types.int64(_FLOATS, _WORD, _WORD, _WORD, _FLOATS, _DOUBLES)
"""What the callback of a stage or a transfer function takes: see `call`."""
STEP = types.int64(*[_FLOATS] * 5, types.CPointer(types.int32), types.CPointer(types.int64))
"""What that of a step takes: see `call_step`."""
_STEPS_OF_NUMBA = re.compile(r"Failed in \w+ mode pipeline \(step: [^)]*\) ")
_kept: list[Any] = []  # callbacks, and where nothing is compiled functions, by their number


Make = Callable[[parts.Part, Any], Any]
"""Makes the Python function of a callback of a part and its function, which is compiled if anything is."""


def address_of(part: parts.Part, make: Make, function: Any = None, signature: Any = STAGE) -> Address:
    """Where the callback of a part is, or of a function that the part holds.

    Raises InputError, with file and line, where Numba cannot compile the function.
    """
    function = parts.function_of(part) if function is None else function
    if numba.config.DISABLE_JIT:
        _kept.append(make(part, function))
        return len(_kept)
    return _callback(part, make, function, signature)


@cache
def _callback(part: parts.Part, make: Make, function: Any, signature: Any) -> Address:
    try:
        callback = numba.cfunc(signature, error_model="numpy")(make(part, compiled_with_helpers(function)))
    except NumbaError as error:
        reason = _STEPS_OF_NUMBA.sub("", " ".join(str(error).split()))[:300]
        raise InputError(
            f"{parts.place_of(part, function)} does not compile: {reason}; accepted: what Numba compiles"
        ) from None
    _kept.append(callback)
    return int(callback.address)


def compiled(function: Any) -> Any:
    """A function that callbacks call; one that is compiled already as it is."""
    if numba.config.DISABLE_JIT or is_jitted(function):
        return function
    return numba.njit(error_model="numpy")(function)


def compiled_with_helpers(function: Any) -> Any:
    """A function of the user's file, and with it the functions of that file that it calls."""
    return compiled(function if numba.config.DISABLE_JIT else _with_helpers(function, frozenset()))


def _with_helpers(function: FunctionType, callers: frozenset[CodeType]) -> FunctionType:
    """The same code, where the names of other plain functions of its file mean these functions compiled.

    Numba by itself calls compiled functions only. `callers`: those that are being compiled, which may call themselves.
    """
    space, code = function.__globals__, function.__code__
    callers |= {code}
    helpers: dict[str, Any] = {}
    for name in code.co_names:
        helper = space.get(name)
        if isinstance(helper, FunctionType) and helper.__globals__ is space and helper.__code__ not in callers:
            helpers[name] = compiled(_with_helpers(helper, callers))
    if not helpers:
        return function
    return FunctionType(code, {**space, **helpers}, function.__name__, function.__defaults__, function.__closure__)


if numba.config.DISABLE_JIT:

    def call(address: Address, values: Any, key: int, first: int, normals: Any, state: Any) -> int:
        return int(_kept[address - 1](values, len(values), key, first, normals, state))

    def call_step(address: Address, *given: Any) -> int:
        return int(_kept[address - 1](*given))

    def seen(values: Any, shape: Any) -> Any:
        return values[: math.prod(shape)].reshape(shape)

else:
    _REALS, _WIDE = ir.FloatType().as_pointer(), ir.DoubleType().as_pointer()
    _STEP_POINTERS = [*[_REALS] * 5, ir.IntType(32).as_pointer(), ir.IntType(64).as_pointer()]

    @intrinsic
    def call(typing_context, address, values, key, first, normals, state):
        """Calls the callback at an address: views of float32, but the state of float64; key and first are int64."""

        def generate(context, builder, signature, arguments):
            place, given, key, first, drawn, kept = arguments
            word = ir.IntType(64)
            function = ir.FunctionType(word, [_REALS, word, word, word, _REALS, _WIDE])
            [count] = views.lengths_of(builder, signature.args[1], given)
            start, of_draws, of_state = (
                builder.bitcast(views.address_of(builder, one), pointer)
                for one, pointer in ((given, _REALS), (drawn, _REALS), (kept, _WIDE))
            )
            entrance = builder.inttoptr(place, function.as_pointer())
            return builder.call(entrance, [start, count, key, first, of_draws, of_state])

        return types.int64(types.int64, values, types.int64, types.int64, normals, state), generate

    @intrinsic
    def call_step(typing_context, address, pre, post, error, values, out, index, numbers):
        """Calls the callback at an address with views: five of float32, then int32 and int64."""

        def generate(context, builder, signature, arguments):
            place, *given = arguments
            function = ir.FunctionType(ir.IntType(64), _STEP_POINTERS)
            pointers = [
                builder.bitcast(views.address_of(builder, one), pointer)
                for one, pointer in zip(given, _STEP_POINTERS, strict=True)
            ]
            return builder.call(builder.inttoptr(place, function.as_pointer()), pointers)

        return types.int64(types.int64, pre, post, error, values, out, index, numbers), generate

    seen = numba.carray
