"""The two ways in which the engine's functions are compiled."""

from __future__ import annotations

from functools import partial

from numba import njit

from channelsim.engine.compile import cache

cache.use()  # before anything is decorated


# For functions that only compiled code calls: wrappers that unpack `Net` and `Memory` from Python cost more compile
# time than the functions themselves.
inner = partial(njit, cache=True, no_cpython_wrapper=True, no_cfunc_wrapper=True, error_model="numpy", _nrt=False)
# For functions that Python calls: the loop, and the kernels that tests compare with their NumPy twins.
kernel = partial(njit, cache=True, no_cfunc_wrapper=True, error_model="numpy", nogil=True, _nrt=False)
