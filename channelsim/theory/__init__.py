"""The paper's dynamical systems: where learning under random backpropagation goes, why, and when.

NumPy and SciPy only; nothing here needs the engine or Numba.
"""
