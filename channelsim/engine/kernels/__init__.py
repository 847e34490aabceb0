"""Arrays only: single samples, mini-batches, transfer functions, patches and windows of maps, the hash.

May import `kernels.simd`, `tables` (the names of a geometry's columns), `compile` and `config`.
"""
