"""What compiled functions work on: record layouts, typed handles, where rows of W lie, the geometry of maps.

May import `compile`, `config` and `sizes`.
"""
