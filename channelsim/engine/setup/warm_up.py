"""Compiling the engine."""
def compile_for(maps): pass
