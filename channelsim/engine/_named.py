"""Functions that other compiled code finds by name, as it finds those of a C library.

Numba optimizes a copy of what a function calls within each function that calls it, and within each that calls those. A
call by name ends that: what is behind it is compiled once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import binding
from numba import cfunc, config, types
from numba.np.numpy_support import from_dtype

from channelsim.engine._tables import Memory, Net
from channelsim.engine._views import record_of

NET, MEMORY = (from_dtype(np.dtype(record_of(table))) for table in (Net, Memory))  # as `_views.handle` makes them
INT, FLOAT, NOTHING = types.int64, types.float32, types.void
_kept: list[Any] = []  # machine code lives as long as the object that it came with


def named(result: Any, *arguments: Any, by_address: bool = False) -> Callable[[Any], Any]:
    """Compiles a function of these types, gives its machine code a name, and returns what calls that name.

    `by_address`: the caller has `net` and `mem` as integers (a record cannot be given to the parts of a loop).
    """
    signature = result(*arguments)
    as_called = result(*[INT if by_address and kind in (NET, MEMORY) else kind for kind in arguments])

    def compile_and_name(function: Any) -> Any:
        if config.DISABLE_JIT:
            return function
        name = f"{function.__module__}.{function.__name__}".replace(".", "_")
        code = cfunc(signature, cache=True, error_model="numpy", _nrt=False)(function)
        binding.add_symbol(name, code.address)
        _kept.append(code)
        return types.ExternalFunction(name, as_called)

    return compile_and_name
