"""Whether a run can go on in a trace: each dataset to which it would append is as this program makes it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import h5py

from channelsim.plan.recording import Recording
from channelsim.trace import _layout, _messages, _records, _table, _weights
from channelsim.trace._table import Table

if TYPE_CHECKING:
    from channelsim.plan import Plan


def fault(file: h5py.File, plan: Plan, recording: Recording) -> str:
    """What is not as a run of `plan` leaves it, in words; empty if a run can go on."""
    with _table.in_memory() as model:
        _make(model, plan, recording)
        (groups, made), (_, there) = _objects(model), _objects(file)
        begun = {_group(name) for name in there}  # a group has all of its datasets, or none yet
        for name in (*groups, "scenario", "provenance", "staleness"):
            if name in there:
                return f"/{name} is no group"
        for name, dataset in there.items():
            if name.partition("/")[0] in model and _properties(dataset) != _properties(made.get(name), dataset):
                return f"/{name} is not as a trace of this scenario has it"
        for name in made:
            if name not in there and _group(name) in begun:
                return f"/{name} is missing"
    return _unequal(there)


def _make(file: h5py.File, plan: Plan, recording: Recording) -> None:
    """All tables of a run, without rows."""
    for split in ("train", "test", "test_deployed", "validation"):
        Table(f"metrics/{split}", _layout.EPOCH, _layout.metrics(split, recording.metrics)).create(file)
    for name in plan.channel_names:
        Table(f"channels/{name}", _layout.EPOCH, _layout.CHANNELS).create(file)
    for name in plan.layer_names:
        Table(f"alignment/{name}", _layout.EPOCH, _layout.ALIGNMENT).create(file)
    _weights.create(file.create_group("weights"), _weights.layout_of(plan))
    _messages.create(file, plan.channel_names)
    file.create_group(_records.WHERE)
    for record in _records.records_of(plan, recording).values():
        _records.create(file, record)


def _objects(file: h5py.File) -> tuple[list[str], dict[str, h5py.Dataset]]:
    """The names of all groups, and all datasets by name."""
    groups: list[str] = []
    datasets: dict[str, h5py.Dataset] = {}

    def keep(name: str, item: h5py.Group | h5py.Dataset) -> None:
        if isinstance(item, h5py.Dataset):
            datasets[name] = item
        else:
            groups.append(name)

    file.visititems(keep)
    return groups, datasets


def _group(name: str) -> str:
    return name.rpartition("/")[0]


def _properties(dataset: h5py.Dataset | None, beside: h5py.Dataset | None = None) -> tuple[Any, ...]:
    """Type, extent and storage; type and extent only of virtual datasets, which are made anew with each segment, and of
    what is held `beside` one. Nothing of no dataset."""
    if dataset is None:
        return ()
    if dataset.is_virtual or (beside is not None and beside.is_virtual):
        return dataset.dtype, dataset.shape[1:]
    made = dataset.id.get_create_plist()
    filters = tuple(made.get_filter(k)[0] for k in range(made.get_nfilters()))
    growing = bool(dataset.maxshape) and dataset.maxshape[0] is None
    extent = dataset.maxshape[1:] if growing else dataset.maxshape
    return dataset.dtype, growing, extent, dataset.chunks, filters


def _unequal(datasets: Mapping[str, h5py.Dataset]) -> str:
    """The first table whose columns differ in length."""
    lengths: dict[str, int] = {}
    for name, dataset in datasets.items():
        if name.startswith(("metrics/", "channels/", "alignment/")):
            if lengths.setdefault(_group(name), dataset.shape[0]) != dataset.shape[0]:
                return f"/{name} is not as long as the columns beside it"
            dataset[()]  # a later checkpoint appends to the last chunk, which has to be readable
        elif name.startswith(f"{_records.WHERE}/") and not dataset.is_scale:
            if lengths.setdefault(_group(name), dataset.shape[0]) != dataset.shape[0]:
                return f"/{name} is not as long as the columns beside it"
            dataset[-1:]
    return ""
