"""How functions are compiled: JIT flags, external symbols, fused multiply-adds, the cache, the thread pool.

May import `config` and nothing else of the engine.
"""
