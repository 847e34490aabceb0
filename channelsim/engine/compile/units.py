"""Units of compiled code: functions that Python, or other units, call. Each is an object file of its own in the cache.

A unit holds its function and all that this calls, but for other units. Those it finds by name, and when they are first
called: so code that a run does not need is not compiled for it, and several processes can share the work. What a run
will need is compiled before it starts, so that nothing waits in the middle of it: see `setup.warm_up`.
"""

from __future__ import annotations

import ctypes
import os
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from typing import Any

from llvmlite import binding, ir
from numba import config, types
from numba.core import cgutils
from numba.core.registry import cpu_target
from numba.core.typing.templates import AbstractTemplate, signature
from numba.extending import lower_builtin
from numba.np.numpy_support import as_dtype

from channelsim.engine.compile import cache, objects, views, whole
from channelsim.engine.compile.views import View

INT, FLOAT, NOTHING = types.int64, types.float32, types.void
_WORD, _BYTES = ir.IntType(64), ir.IntType(8).as_pointer()
_NUMBERS = {INT: ctypes.c_int64, FLOAT: ctypes.c_float, NOTHING: None}
# What of a run needs a unit; one that needs several things is needed where all are met. See `setup.demands`.
ONE_SAMPLE, MINI_BATCH, DEFERRED, IMMEDIATE = "one sample", "mini-batches", "deferred updates", "immediate updates"
TRANSPOSED, SIGNS, SIGNED_WIRES, ADAPTIVE = "errors through W", "signs of W", "signs of W on some wires", "adaptive C"
QUANTIZED, STAGES, AUGMENTED, MAPS, THREADS = "quantized synapses", "stages or time", "augmentation", "maps", "threads"
PRODUCTS, REDRAWN, SEVERAL = "errors through several W", "C drawn anew", "several learning channels to a layer"
LOW_RANK = "C of a low rank"
RECORDING, WATCHING, EVALUATION = "recorded messages", "recorded values", "evaluation"
CHANGED = "changed activities"
AT_RECEIVER, PER_SAMPLE = "quantizers at the receiver", "updates sample by sample"
PER_SYNAPSE = "errors of synapses"
OWN_TRANSFERS = "transfer functions of the user's own"
OWN_STEPS = "steps of the user's own"
ENTROPY_CODED = "entropy codes"
_foundations: list[Callable[[], None]] = []  # what all units may call
_loading = threading.RLock()  # helpers of the thread pool may want the same unit at the same time
_at: dict[int, Unit] = {}  # units by their places
every: list[Unit] = []


class Unit:
    """A function compiled by itself. Python and compiled code call it alike."""

    def __init__(self, function: Any, result: Any, arguments: tuple[Any, ...], needed_by: tuple[str, ...]) -> None:
        self.name = f"{function.__module__.removeprefix('channelsim.engine.')}.{function.__name__}"
        self.symbol = "channelsim_" + self.name.replace(".", "_")
        self.needed_by = needed_by
        self.function, self.result, self.arguments = function, result, arguments
        self._place = ctypes.c_void_p(None)  # the address of the code, once it is in this process
        self._numba_type_ = _taught(self)
        self._called: Any = None
        _at[ctypes.addressof(self._place)] = self
        binding.add_symbol(f"{self.symbol}_place", ctypes.addressof(self._place))
        every.append(self)

    def __call__(self, *given: Any) -> Any:
        """Arguments: int, float, handles of `Net` and `Memory`, and flat arrays of the dtype that the unit takes."""
        if self._called is None:
            self.load()
            kinds = [kind for argument in self.arguments for kind in _passed_as(argument)]
            self._called = ctypes.CFUNCTYPE(_NUMBERS[self.result], *kinds)(self._place.value or 0)
        passed: list[Any] = []
        for kind, value in zip(self.arguments, given, strict=True):
            passed += self._passed(kind, value)
        return self._called(*passed)

    def _passed(self, kind: Any, value: Any) -> list[Any]:
        if isinstance(kind, View):
            if value.dtype != as_dtype(kind.dtype) or value.ndim != 1 or not value.flags.c_contiguous:
                raise TypeError(f"{self.name} takes a flat array of {as_dtype(kind.dtype)}, not {value.dtype}")
            return [value.ctypes.data, value.size]
        return [value if kind in _NUMBERS else value.address]

    def is_compiled(self) -> bool:
        """Whether the unit need not be compiled in this process any more."""
        return self._place.value is not None or cache.has(self._file)

    def compile(self) -> None:
        """Makes the unit's object file, if there is none."""
        self._code()

    def load(self) -> None:
        """Brings the unit into this process; compiles it first, if that has not been done."""
        with _loading:
            if self._place.value is None:
                for provide in _foundations:
                    provide()
                [self._place.value] = objects.load(self._code(), [self.symbol])

    @property
    def _file(self) -> str:
        return f"{self.name}.o"

    def _code(self) -> bytes:
        return cache.kept(self._file, self._make)

    def _make(self) -> bytes:
        with whole.compiling():
            return objects.compile_module(_entrance(self), vectorize=True)

    def kind(self) -> Any:
        """The type of the unit's code."""
        context, given = cpu_target.target_context, []
        for argument in self.arguments:
            is_array = isinstance(argument, View)
            given += [_BYTES, _WORD] if is_array else [context.get_value_type(argument)]
        result = ir.VoidType() if self.result == NOTHING else context.get_value_type(self.result)
        return ir.FunctionType(result, given)


def unit(result: Any, *arguments: Any, needed_by: tuple[str, ...]) -> Callable[[Any], Any]:
    """Makes a function of these types a unit. `needed_by` says which runs need it."""
    if config.DISABLE_JIT:
        return lambda function: function
    return lambda function: Unit(function, result, arguments, needed_by)


def foundation(provide: Callable[[], None]) -> None:
    """Has something brought into the process before the first unit is."""
    _foundations.append(provide)


def _passed_as(argument: Any) -> list[Any]:
    if isinstance(argument, View):
        return [ctypes.c_void_p, ctypes.c_int64]
    return [_NUMBERS.get(argument, ctypes.c_void_p)]


def _taught(unit: Unit) -> Any:
    """Numba's type for a unit: compiled code calls the function whose address stands in the unit's place."""

    class Template(AbstractTemplate):
        key = unit

        def generic(self, args: Any, kws: Any) -> Any:
            return None if kws or len(args) != len(unit.arguments) else signature(unit.result, *unit.arguments)

    @lower_builtin(unit, types.VarArg(types.Any))
    def lower(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        place = declared(builder.module, f"{unit.symbol}_place")
        with builder.if_then(cgutils.is_null(builder, builder.load(place)), likely=False):
            provide = cgutils.get_or_insert_function(
                builder.module, ir.FunctionType(ir.VoidType(), [place.type]), "channelsim_provide"
            )
            builder.call(provide, [place])
        code = builder.bitcast(builder.load(place), unit.kind().as_pointer())
        made = builder.call(code, values)
        return context.get_dummy_value() if unit.result == NOTHING else made

    return types.Function(Template)


def declared(module: Any, name: str) -> Any:
    """The address that is kept under a name outside of the module."""
    return module.globals.get(name) or ir.GlobalVariable(module, _BYTES, name)


@ctypes.CFUNCTYPE(None, ctypes.c_void_p)
def _provide(place: int) -> None:
    """What compiled code calls where a unit is not in the process yet."""
    try:
        _at[place].load()
    except BaseException:  # there is no way back through compiled code
        traceback.print_exc()
        print(
            f"channelsim: {_at[place].name} could not be compiled in the middle of a run", file=sys.stderr, flush=True
        )
        os._exit(1)


binding.add_symbol("channelsim_provide", ctypes.cast(_provide, ctypes.c_void_p).value)


def _entrance(unit: Unit) -> Any:
    """The parsed module of a unit's function and all that it calls, with the function under the unit's symbol.

    What the function might raise is dropped: the engine raises nothing.
    """
    called, library = whole.compile_function(unit.function, unit.result, unit.arguments)
    context, module = cpu_target.target_context, objects.new_module(unit.symbol)
    entrance = ir.Function(module, unit.kind(), unit.symbol)
    builder, given = ir.IRBuilder(entrance.append_basic_block()), iter(entrance.args)
    values = [_received(context, builder, kind, given) for kind in unit.arguments]
    function = context.declare_function(module, called)
    _, made = context.call_conv.call_function(builder, function, called.restype, called.argtypes, values)
    if unit.result == NOTHING:
        builder.ret_void()
    else:
        builder.ret(made)
    return whole.linked(library, module)


def _received(context: Any, builder: Any, kind: Any, given: Iterator[Any]) -> Any:
    """An argument as Numba's functions take it. An array has come as an address and a size."""
    if not isinstance(kind, View):
        return next(given)
    return views.make(context, builder, kind, next(given), [next(given)])
