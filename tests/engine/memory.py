"""`Net` and `Memory` for calling compiled functions by hand: the given arrays, and one zero for each of the others."""

from __future__ import annotations

from typing import Any, get_type_hints

import numpy as np

from channelsim.engine.tables.handles import records
from channelsim.engine.tables.layouts import Field, Memory, Net


def net(**arrays: Any) -> Net:
    return Net(**_complete(Net, arrays))


def memory(**arrays: Any) -> Memory:
    return Memory(**_complete(Memory, arrays))


def fields(table: type) -> dict[str, Field]:
    """Of each array of a table, its dtype and dimensions."""
    return {name: hint.__metadata__[0] for name, hint in get_type_hints(table, include_extras=True).items()}


def _complete(table: type, arrays: dict[str, Any]) -> dict[str, Any]:
    known = fields(table)
    assert arrays.keys() <= known.keys(), f"{table.__name__} has no {sorted(arrays.keys() - known.keys())}"
    made = {}
    for name, field in known.items():
        dimensions = max(field.dimensions, 1)
        array = np.asarray(arrays.get(name, np.zeros((1,) * dimensions, field.dtype)))
        assert array.dtype == field.dtype and array.ndim == dimensions and array.flags.c_contiguous, name
        made[name] = records(array)
    return made
