"""How the engine's functions are compiled: `inner` ones within each unit that uses them.

What Python, or compiled code of another unit, calls is a unit of its own: see `units`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import config
from numba.core.registry import CPUDispatcher

from channelsim.engine.compile import machine

machine.use()  # before anything is compiled

OPTIONS = {"nopython": True, "error_model": "numpy", "_nrt": False}


class Inner(CPUDispatcher):
    """A function that has no entrance for Python."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        raise TypeError(f"{self.py_func.__name__} is called by compiled code only; Python calls units (compile.units)")


def inner(*, inlined: bool = False) -> Callable[[Any], Any]:
    """For a function that only compiled code calls: it is compiled within each unit that uses it.

    If `inlined`, it is so into each function that calls it, however large it is.
    """
    if config.DISABLE_JIT:
        return lambda function: function
    options = OPTIONS | {"no_cpython_wrapper": True, "no_cfunc_wrapper": True, "forceinline": inlined}
    return lambda function: Inner(function, locals={}, targetoptions=options)
