"""Numba as a front end: a function, and all that it calls, as one LLVM module.

Numba by itself optimizes each function, generates machine code for it, and does both again for the copy of it in each
function that calls it. Here it types and lowers every function once; all that a unit calls is linked into one module,
which is optimized and compiled once.

This leans on how Numba (0.61 to 0.68) keeps the code of a function, a `JITCodeLibrary`:
- `codegen()._library_class` makes the library of each function that is compiled;
- a library is given IR by `add_ir_module`, and the libraries of functions that it calls by `add_linking_library`, which
  keeps them in `_linking_libraries`; `finalize` optimizes and compiles it;
- `get_pointer_to_function` returns 0 for a wrapper that was not made, which is then never called;
- an ordinary library links `_get_module_for_linking()` of those that it calls.
`is_supported` looks for these names. Where they are not found Numba optimizes each function by itself: code takes
longer to compile, and does the same. `tests/engine/compile/test_whole.py` fails if their meaning changes.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from llvmlite import binding
from numba.core import cgutils, codegen
from numba.core.compiler_lock import global_compiler_lock
from numba.core.registry import cpu_target
from numba.core.typing.templates import signature

from channelsim.engine.compile.jit import inner

_NAMES = ("add_ir_module", "add_linking_library", "finalize", "get_pointer_to_function", "_get_module_for_linking")


def is_supported() -> bool:
    """Whether Numba has what this module leans on."""
    library = getattr(codegen, "JITCodeLibrary", object)
    return all(hasattr(library, name) for name in _NAMES) and hasattr(codegen.JITCPUCodegen, "_library_class")


class _WithoutEnvironment:
    """The codegen of a library that has no machine code, and so no place for an environment."""

    def __init__(self, codegen: Any) -> None:
        self._codegen = codegen

    def __getattr__(self, name: str) -> Any:
        return getattr(self._codegen, name)

    def set_env(self, name: str, env: Any) -> None:
        """Only code that raises exceptions looks at it."""


class _Part(codegen.JITCodeLibrary):
    """The code of one function, as it was lowered."""

    def __init__(self, codegen: Any, name: str) -> None:
        super().__init__(codegen, name)
        self.modules: list[Any] = []
        self._shared_module: Any = None

    @property
    def codegen(self) -> Any:
        return _WithoutEnvironment(self._codegen)

    def add_ir_module(self, module: Any) -> None:
        self.modules.append(binding.parse_assembly(cgutils.normalize_ir_text(str(module))))

    def finalize(self) -> None:
        self._finalized = True

    def get_pointer_to_function(self, name: str) -> int:
        return 0

    def _get_module_for_linking(self) -> Any:
        if self._shared_module is None:
            self._shared_module = linked(self)
            for function in self._shared_module.functions:
                if not function.is_declaration and function.linkage == binding.Linkage.external:
                    function.linkage = "linkonce_odr"
        return self._shared_module


@contextmanager
def compiling() -> Iterator[None]:
    """Numba only types and lowers what it compiles while this lasts.

    It makes millions of objects that stay: looking for garbage among them would be a tenth of the time.
    """
    with global_compiler_lock:
        collecting, maker = gc.isenabled(), cpu_target.target_context.codegen()
        gc.disable()
        if is_supported():
            maker._library_class = _Part
        try:
            yield
        finally:
            vars(maker).pop("_library_class", None)
            if collecting:
                gc.enable()


def compile_function(function: Any, result: Any, arguments: tuple[Any, ...]) -> tuple[Any, Any]:
    """Numba's description of a function compiled for these types, and its library."""
    dispatcher = inner()(function)
    dispatcher.compile(signature(result, *arguments))
    compiled = dispatcher.overloads[arguments]
    return compiled.fndesc, compiled.library


def linked(library: Any, module: Any = "") -> Any:
    """A module with the code of a library and of all that it calls, parsed. Names are those that were in it."""
    whole = binding.parse_assembly(str(module))
    named = {function.name for function in whole.functions if not function.is_declaration}
    for part in _all_of(library):
        for more in part.modules if isinstance(part, _Part) else [part._get_module_for_linking()]:
            whole.link_in(more, preserve=True)
    for value in (*whole.functions, *whole.global_variables):
        if module and not value.is_declaration and value.name not in named:
            value.linkage = "internal"
    return whole


def _all_of(library: Any) -> list[Any]:
    """The library and those that it calls, directly or not. Ordinary ones bring along what they call."""
    found, waiting = [], [library]
    while waiting:
        part = waiting.pop()
        if part not in found:
            found.append(part)
            if isinstance(part, _Part):
                waiting += part._linking_libraries
    return found
