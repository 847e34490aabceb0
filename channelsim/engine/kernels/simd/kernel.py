"""Vector kernels: functions with a plain form in NumPy and a form in LLVM's instructions, compiled once for a machine.

`vector_kernel` takes the instructions (a function that writes them, see `code`) and decorates the plain form. Compiled
code that calls the decorated function calls an external symbol; elsewhere, and where NUMBA_DISABLE_JIT is set, the
plain form runs. All kernels together are one object file in the cache, which is in the process before any unit is.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from llvmlite import binding, ir
from numba import config, types
from numba.core import cgutils
from numba.core.typing.templates import AbstractTemplate, infer_global, signature
from numba.extending import lower_builtin

from channelsim.engine.compile import cache, objects, units, views
from channelsim.engine.compile.views import View
from channelsim.engine.kernels.simd.code import FLOAT, NUMBER, WORD, Array

BYTE = ir.IntType(8)


@dataclass(frozen=True)
class Kind:
    """What an argument or a result is: for Numba, and as LLVM passes it. An array is an address and a size."""

    numba: Any  # None: an array of any type
    llvm: Any
    is_array: bool = False

    def accepts(self, given: Any) -> Any:
        """The type to which Numba casts what is given, or None."""
        if not self.is_array:
            return self.numba
        fits = isinstance(given, View) and given.ndim == 1
        return given if fits and self.numba in (None, given.dtype) else None


FLOATS, INDICES = Kind(types.float32, FLOAT.as_pointer(), True), Kind(types.int32, NUMBER.as_pointer(), True)
ANY = Kind(None, BYTE.as_pointer(), True)  # its size is in bytes
INT, REAL, DOUBLE = Kind(types.int64, WORD), Kind(types.float32, FLOAT), Kind(types.float64, ir.DoubleType())
NOTHING = Kind(types.void, ir.VoidType())


class _Kernel(NamedTuple):
    symbol: str
    code: Callable[..., Any]
    result: Kind
    arguments: tuple[Kind, ...]

    @property
    def kind(self) -> Any:
        """The type of the symbol."""
        arguments: list[Any] = []
        for argument in self.arguments:
            arguments += [argument.llvm, WORD] if argument.is_array else [argument.llvm]
        return ir.FunctionType(self.result.llvm, arguments)


_kernels: list[_Kernel] = []


def vector_kernel(code: Callable[..., Any], *arguments: Kind, result: Kind = NOTHING) -> Callable[[Any], Any]:
    """Gives a plain function a form in vector instructions: `code(builder, *arguments)` writes them.

    Arrays are flat and contiguous; code gets each as an `Array`. What it returns is the result.
    """

    def decorate(plain: Any) -> Any:
        if config.DISABLE_JIT:
            return plain
        count = len(inspect.signature(plain).parameters)
        assert count == len(arguments), f"{plain.__name__}: {count} parameters, {len(arguments)} kinds"
        kernel = _Kernel(f"channelsim_simd_{plain.__name__}", code, result, arguments)
        _kernels.append(kernel)
        _teach_numba(plain, kernel)
        return plain

    return decorate


def _teach_numba(plain: Any, kernel: _Kernel) -> None:
    """Compiled code that calls the plain function calls the kernel's symbol."""

    class Template(AbstractTemplate):
        key = plain

        def generic(self, args: Any, kws: Any) -> Any:
            if kws or len(args) != len(kernel.arguments):
                return None
            taken = [kind.accepts(given) for kind, given in zip(kernel.arguments, args, strict=True)]
            return None if None in taken else signature(kernel.result.numba, *taken)

    infer_global(plain, types.Function(Template))

    @lower_builtin(plain, types.VarArg(types.Any))
    def lower(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        passed: list[Any] = []
        for kind, given, value in zip(kernel.arguments, signature.args, values, strict=True):
            if kind.is_array:
                [size] = views.lengths_of(builder, given, value)
                if kind.numba is None:
                    size = builder.mul(size, WORD(given.itemsize))
                passed += [builder.bitcast(views.address_of(builder, value), kind.llvm), size]
            else:
                passed.append(value)
        function = cgutils.get_or_insert_function(builder.module, kernel.kind, kernel.symbol)
        made = builder.call(function, passed)
        return context.get_dummy_value() if kernel.result is NOTHING else made


def _write(module: Any, kernel: _Kernel) -> None:
    """The kernel as a function of the module."""
    function = ir.Function(module, kernel.kind, kernel.symbol)
    function.attributes.add("nounwind")
    builder = ir.IRBuilder(function.append_basic_block("entry"))
    values, given = iter(function.args), []
    for kind in kernel.arguments:
        value = next(values)
        given.append(Array(value, next(values)) if kind.is_array else value)
    made = kernel.code(builder, *given)
    if kernel.result is NOTHING:
        builder.ret_void()
    else:
        builder.ret(made)


def _compile() -> bytes:
    """The object file of all kernels."""
    module = objects.new_module("channelsim_simd")
    for kernel in _kernels:
        _write(module, kernel)
    return objects.compile_module(binding.parse_assembly(str(module)), vectorize=False)


class VectorCode:
    """The object file of all kernels. It is compiled and loaded as units are, and has to be there before them."""

    name, needed_by, _file = "simd", (), "simd.o"

    def __init__(self) -> None:
        self._is_loaded = config.DISABLE_JIT

    def is_compiled(self) -> bool:
        """Whether the file need not be made in this process any more."""
        return self._is_loaded or cache.has(self._file)

    def compile(self) -> None:
        """Makes the file, if there is none."""
        cache.kept(self._file, _compile)

    def load(self) -> None:
        """Brings the kernels into the process, for code that calls them; once."""
        if not self._is_loaded:
            symbols = [kernel.symbol for kernel in _kernels]
            for symbol, address in zip(symbols, objects.load(cache.kept(self._file, _compile), symbols), strict=True):
                binding.add_symbol(symbol, address)
            self._is_loaded = True


VECTOR_CODE = VectorCode()
units.foundation(VECTOR_CODE.load)
