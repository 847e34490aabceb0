"""/checkpoint: arrays as they are, everything that a run needs to go on bit for bit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from channelsim.trace import _table


def write(file: h5py.File, snapshot: Mapping[str, NDArray[Any]]) -> None:
    """Put `snapshot` in the place of the last one.

    Arrays are neither chunked nor compressed: they are written over and over, and read at most once.
    """
    group = file.require_group("checkpoint")
    for name in [name for name in group if name not in snapshot and not group[name].is_scale]:
        _remove(group, name)
    for name, array in snapshot.items():
        values = np.asarray(array)
        if name in group:
            if (group[name].shape, group[name].dtype) == (values.shape, values.dtype):
                _table.overwrite(group[name], values)
                continue
            _remove(group, name)
        dataset = _table.create(group, name, values.shape, values.dtype)
        _table.overwrite(dataset, values)
        _table.describe(dataset, "1", f"state of the run at the checkpoint: {name}")
        for axis, length in enumerate(values.shape):
            dimension = f"axis{axis}_{length}"
            if dimension not in group:
                _table.bare_dimension(group, dimension, length, length)
            h5py.h5ds.attach_scale(dataset.id, group[dimension].id, axis)


def _remove(group: h5py.Group, name: str) -> None:
    """Delete an array, and the dimensions that no other has."""
    dataset = group[name]
    for dimension in dataset.dims:
        scale = dimension[0]
        dimension.detach_scale(scale)
        if "REFERENCE_LIST" not in scale.attrs:
            del group[scale.name]
    del group[name]


def read(file: h5py.File) -> dict[str, NDArray[Any]]:
    """The arrays of the last checkpoint, by name."""
    group = file["checkpoint"]
    return {name: np.asarray(group[name][()]) for name in group if not group[name].is_scale}
