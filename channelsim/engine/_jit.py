"""The two ways in which the engine's functions are compiled, and how many threads they may use."""

from __future__ import annotations

from functools import partial

import numba
from llvmlite import ir
from numba import get_num_threads, njit, types
from numba.core import cgutils
from numba.extending import intrinsic

get_num_threads()  # starts Numba's threads: a function that comes from the cache and calls a parallel one does not

# For functions that only compiled code calls: wrappers that unpack `Net` and `Memory` from Python cost more compile
# time than the functions themselves.
inner = partial(njit, cache=True, no_cpython_wrapper=True, no_cfunc_wrapper=True, error_model="numpy", _nrt=False)
# For functions that Python calls: the loop, and the kernels that tests compare with their NumPy twins.
kernel = partial(njit, cache=True, no_cfunc_wrapper=True, error_model="numpy", nogil=True, _nrt=False)

if numba.config.DISABLE_JIT:
    threads_in_use = get_num_threads
else:

    @intrinsic
    def threads_in_use(typing_context):
        """`numba.get_num_threads`, whose own compiled form keeps those that call it out of the cache."""

        def generate(context, builder, signature, arguments):
            kind = ir.FunctionType(context.get_value_type(types.intp), [])
            return builder.call(cgutils.get_or_insert_function(builder.module, kind, "get_num_threads"), [])

        return types.intp(), generate
