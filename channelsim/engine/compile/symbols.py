"""Functions that other compiled code finds by name, as it finds those of a C library.

Numba optimizes a copy of what a function calls within each function that calls it, and within each that calls those. A
call by name ends that: what is behind it is compiled once. It may also be compiled later than its callers, or never:
most networks have no maps, and do not wait for the code that works on them.
"""

from __future__ import annotations

from collections.abc import Callable
from ctypes import addressof, c_void_p
from typing import Any

import numpy as np
from llvmlite import binding, ir
from numba import cfunc, config, types
from numba.np.numpy_support import from_dtype

from channelsim.engine.tables.handles import record_of
from channelsim.engine.tables.layouts import Memory, Net

NET, MEMORY = (from_dtype(np.dtype(record_of(table))) for table in (Net, Memory))  # as `_views.handle` makes them
INT, FLOAT, NOTHING = types.int64, types.float32, types.void
ADDRESS = ir.IntType(8).as_pointer()
WORDS = {INT: ir.IntType(64), FLOAT: ir.FloatType(), NOTHING: ir.VoidType(), NET: ADDRESS, MEMORY: ADDRESS}
_kept: list[Any] = []  # machine code lives as long as the object that it came with
EVERY_RUN, MAPS = "every run", "maps"  # when code is needed that is compiled on demand
_pending: dict[str, list[Callable[[], None]]] = {EVERY_RUN: [], MAPS: []}


def named(result: Any, *arguments: Any, by_address: bool = False, on_demand: str | None = None) -> Callable[[Any], Any]:
    """Compiles a function of these types, gives its machine code a name, and returns what calls that name.

    `by_address`: the caller has `net` and `mem` as integers (a record cannot be given to the parts of a loop).
    `on_demand`: it is compiled by `provide` of this, which must have been called when it runs.
    """
    signature = result(*arguments)
    as_called = result(*[INT if by_address and kind in (NET, MEMORY) else kind for kind in arguments])

    def compile_and_name(function: Any) -> Any:
        if config.DISABLE_JIT:
            return function
        name = f"{function.__module__}.{function.__name__}".replace(".", "_")

        def address() -> int:
            code = cfunc(signature, cache=True, error_model="numpy", _nrt=False)(function)
            _kept.append(code)
            return int(code.address)

        if on_demand:
            place = c_void_p(None)
            _pending[on_demand].append(lambda: setattr(place, "value", address()))
            binding.add_symbol(name, _jump(name, signature, place))
        else:
            binding.add_symbol(name, address())
        return types.ExternalFunction(name, as_called)

    return compile_and_name


def provide(maps: bool) -> None:
    """Compiles, or loads, what runs need; and what is for networks with maps, if told."""
    for demand in (EVERY_RUN, MAPS) if maps else (EVERY_RUN,):
        while _pending[demand]:
            _pending[demand][0]()
            del _pending[demand][0]  # after an interrupt it is still to be done


def constant(name: str, value: int) -> Any:
    """What calls, by this name, a function that returns a number of this process: code from the cache does not know
    it."""
    if config.DISABLE_JIT:
        return lambda: value
    kind = ir.FunctionType(WORDS[INT], [])
    binding.add_symbol(name, _small_function(name, kind, lambda builder, _: WORDS[INT](value)))
    return types.ExternalFunction(name, INT())


def _jump(name: str, signature: Any, place: c_void_p) -> int:
    """The address of a function that calls the function whose address stands in `place`."""
    kind = ir.FunctionType(WORDS[signature.return_type], [WORDS[argument] for argument in signature.args])
    there = ir.Constant(ir.IntType(64), addressof(place)).inttoptr(kind.as_pointer().as_pointer())
    _kept.append(place)
    return _small_function(name, kind, lambda builder, given: builder.call(builder.load(there), given, tail=True))


def _small_function(name: str, kind: Any, body: Callable[[Any, Any], Any]) -> int:
    """The address of a function that returns body(builder, arguments)."""
    module = ir.Module()
    function = ir.Function(module, kind, f"{name}_jump")
    builder = ir.IRBuilder(function.append_basic_block())
    value = body(builder, function.args)
    if kind.return_type == WORDS[NOTHING]:
        builder.ret_void()
    else:
        builder.ret(value)
    machine = binding.Target.from_default_triple().create_target_machine()
    engine = binding.create_mcjit_compiler(binding.parse_assembly(str(module)), machine)
    engine.finalize_object()
    _kept.append(engine)
    return int(engine.get_function_address(function.name))
