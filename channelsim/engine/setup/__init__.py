"""Before the first frame: constants of a run, its memory, and the compilation of what it needs.

May import all other rooms of the engine.
"""
