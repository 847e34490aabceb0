"""How functions are compiled: Numba as a front end, units and their cache, arrays as views, the thread pool.

May import `config` and nothing else of the engine.
"""
