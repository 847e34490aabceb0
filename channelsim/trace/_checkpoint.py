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
    arrays = {name: np.asarray(values) for name, values in snapshot.items()}
    if "checkpoint" in file:
        group = file["checkpoint"]
        if _signature(arrays) == _signature({name: group[name] for name in group if not group[name].is_scale}):
            for name, values in arrays.items():
                group[name][...] = values
            return
        del file["checkpoint"]
    group = file.create_group("checkpoint")
    for name, values in arrays.items():
        dataset = group.create_dataset(name, data=values)
        _table.describe(dataset, "1", f"state of the run at the checkpoint: {name}")
        for axis, length in enumerate(values.shape):
            dimension = f"axis{axis}_{length}"
            if dimension not in group:
                _table.bare_dimension(group, dimension, length, length)
            dataset.dims[axis].attach_scale(group[dimension])


def _signature(arrays: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    return {name: (values.shape, values.dtype) for name, values in arrays.items()}


def read(file: h5py.File) -> dict[str, NDArray[Any]]:
    """The arrays of the last checkpoint, by name."""
    group = file["checkpoint"]
    return {name: np.asarray(group[name][()]) for name in group if not group[name].is_scale}
