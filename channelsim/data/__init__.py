"""Data sets: images and labels as float32 and int32 arrays.

- `load_dataset`: the set of a scenario's [data] table, as a `Dataset`
"""

from __future__ import annotations

from channelsim.data.dataset import Dataset
from channelsim.data.load import NAMES, load_dataset

__all__ = ["NAMES", "Dataset", "load_dataset"]
