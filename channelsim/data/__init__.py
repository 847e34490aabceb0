"""Data sets: images and their targets, class numbers or real vectors, as float32 and int32 arrays.

- `load_dataset`: the set of a scenario's [data] table, as a `Dataset`
- `load_each`: the same of many tables, each source being read once
- `Samples`: what a [data] table has where its samples stand in it
- `Values`: the range of a set's values, and what was done with them
- `dataset_of`: the same of a scenario, whose errors name its file
- `available`: which sets are at hand, one `Entry` each
- `fetch`: download one of the public sets (`SOURCES`), checked against its checksums
- `NAMES`: the sets known by name
"""

from __future__ import annotations

from channelsim.data.dataset import Dataset
from channelsim.data.download import SOURCES, fetch
from channelsim.data.findings import Values
from channelsim.data.inline import Samples
from channelsim.data.known import Entry, Source
from channelsim.data.load import dataset_of, load_dataset, load_each
from channelsim.data.registry import NAMES, available

__all__ = [
    "NAMES",
    "SOURCES",
    "Dataset",
    "Entry",
    "Samples",
    "Source",
    "Values",
    "available",
    "dataset_of",
    "fetch",
    "load_dataset",
    "load_each",
]
