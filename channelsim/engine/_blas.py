"""C = alpha op(A) op(B) + beta C through SciPy's BLAS, without allocation.

Numba's own `np.dot(a, b, out)` has neither alpha nor beta; an update W += eta X^T R would need a second matrix and a
second pass. So the compiled form calls the same `sgemm` entry that `np.dot` calls, and the plain form says what it
does.
"""

from __future__ import annotations

from numba import types
from numba.extending import overload

_sgemm = types.ExternalFunction(
    "numba_xxgemm",
    types.intc(
        types.char, types.char, types.char, types.intp, types.intp, types.intp,
        types.CPointer(types.float32), types.CPointer(types.float32), types.intp,
        types.CPointer(types.float32), types.intp,
        types.CPointer(types.float32), types.CPointer(types.float32), types.intp,
    ),
)  # fmt: skip
_S, _N, _T = ord("s"), ord("n"), ord("t")


def gemm(scale, beta, a, a_transposed, b, b_transposed, c):
    """c = scale[0] * op(a) @ op(b) + beta[0] * c; float32 matrices with contiguous rows, op transposes where told."""
    product = (a.T if a_transposed else a) @ (b.T if b_transposed else b)
    c[...] = scale[0] * product + (beta[0] * c if beta[0] else 0)  # beta 0 overwrites, whatever c holds


@overload(gemm)
def _gemm(scale, beta, a, a_transposed, b, b_transposed, c):
    def compiled(scale, beta, a, a_transposed, b, b_transposed, c):
        # row-major C = A B is column-major C' = B' A'
        k = a.shape[0] if a_transposed else a.shape[1]
        _sgemm(
            _S, _T if b_transposed else _N, _T if a_transposed else _N,
            c.shape[1], c.shape[0], k,
            scale.ctypes, b.ctypes, b.strides[0] // 4, a.ctypes, a.strides[0] // 4,
            beta.ctypes, c.ctypes, c.strides[0] // 4,
        )  # fmt: skip

    return compiled
