"""Functions that only compiled code calls, made callable: the engine compiles them within its units."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
from numba import config, jit

from channelsim.engine.compile.jit import OPTIONS, Inner
from channelsim.engine.compile.views import Viewed
from channelsim.engine.kernels.simd.kernel import VECTOR_CODE


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """What compiled code gets when it calls this function; it sees arrays as views, as in the engine.

    The function is one of the engine's, or one of a test that calls such functions.
    """
    if config.DISABLE_JIT:
        return function
    if isinstance(function, Inner):
        source = function.py_func
    elif function.__module__.startswith("channelsim."):  # it has a form for compiled code beside its plain one
        source = lambda *arguments: function(*arguments)  # noqa: E731
    else:
        source = function
    made = jit(**OPTIONS, nogil=True)(source)

    def call(*arguments: Any) -> Any:
        VECTOR_CODE.load()
        return made(*[Viewed(given) if isinstance(given, np.ndarray) else given for given in arguments])

    return call


def compiled_module(module: ModuleType) -> SimpleNamespace:
    """A module of the engine whose functions can be called."""
    return SimpleNamespace(
        **{name: compiled(value) if isinstance(value, Inner) else value for name, value in vars(module).items()}
    )
