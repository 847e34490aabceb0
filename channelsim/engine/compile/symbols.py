"""External symbols: functions that other compiled code finds by name, as it finds those of a C library.

Numba optimizes a copy of what a function calls within each function that calls it, and within each that calls those. An
external symbol ends that: what is behind it is compiled once. It may also be compiled later than its callers, or never:
most networks have no maps, and do not wait for the code that works on them.
"""

from __future__ import annotations

from collections.abc import Callable
from ctypes import addressof, c_void_p
from typing import Any

from llvmlite import binding, ir
from numba import cfunc, config, types
from numba.core.registry import cpu_target

INT, FLOAT, NOTHING = types.int64, types.float32, types.void
_kept: list[Any] = []  # machine code lives as long as the object that it came with
EVERY_RUN, MAPS = "every run", "maps"  # when code is needed that is compiled on demand
_pending: dict[str, list[Callable[[], None]]] = {EVERY_RUN: [], MAPS: []}


def external(result: Any, *arguments: Any, on_demand: str) -> Callable[[Any], Any]:
    """Makes a function of these types an external symbol, and returns what calls it.

    It is compiled by `provide` of this demand, which must have been called when it runs.
    """
    signature = result(*arguments)

    def compile_and_name(function: Any) -> Any:
        if config.DISABLE_JIT:
            return function
        name = f"{function.__module__}.{function.__name__}".replace(".", "_")
        place = c_void_p(None)

        def provide_it() -> None:
            code = cfunc(signature, cache=True, error_model="numpy", _nrt=False)(function)
            _kept.append(code)
            place.value = code.address

        _pending[on_demand].append(provide_it)
        binding.add_symbol(name, _jump(name, signature, place))
        return types.ExternalFunction(name, signature)

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
    word = ir.IntType(64)
    binding.add_symbol(name, _small_function(name, ir.FunctionType(word, []), lambda builder, _: word(value)))
    return types.ExternalFunction(name, INT())


def _jump(name: str, signature: Any, place: c_void_p) -> int:
    """The address of a function that calls the function whose address stands in `place`."""
    context = cpu_target.target_context
    arguments = [context.get_value_type(argument) for argument in signature.args]
    result = ir.VoidType() if signature.return_type == NOTHING else context.get_value_type(signature.return_type)
    kind = ir.FunctionType(result, arguments)
    there = ir.Constant(ir.IntType(64), addressof(place)).inttoptr(kind.as_pointer().as_pointer())
    _kept.append(place)
    return _small_function(name, kind, lambda builder, given: builder.call(builder.load(there), given, tail=True))


def _small_function(name: str, kind: Any, body: Callable[[Any, Any], Any]) -> int:
    """The address of a function that returns body(builder, arguments)."""
    module = ir.Module()
    function = ir.Function(module, kind, f"{name}_jump")
    builder = ir.IRBuilder(function.append_basic_block())
    value = body(builder, function.args)
    if isinstance(kind.return_type, ir.VoidType):
        builder.ret_void()
    else:
        builder.ret(value)
    machine = binding.Target.from_default_triple().create_target_machine()
    engine = binding.create_mcjit_compiler(binding.parse_assembly(str(module)), machine)
    engine.finalize_object()
    _kept.append(engine)
    return int(engine.get_function_address(function.name))
