"""A trace for other libraries: tables for pandas, CSV and Parquet, and the whole as a tree of xarray."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
from numpy.typing import NDArray

from channelsim.errors import InputError
from channelsim.files import replace

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

_BARE = "This is a netCDF dimension but not a netCDF variable."
_LEFT_OUT = ("checkpoint", "scenario", "provenance")
TOGETHER = {"metrics": "split", "channels": "channel", "alignment": "layer", "staleness": "layer"}
"""Groups whose tables have the same columns, and what tells them apart."""


def names(file: h5py.File) -> list[str]:
    """The tables that there are: "channels" (all of them, with a column channel) and "channels/forward.1", ..."""
    found = []
    for group in _groups(file):
        first = group.partition("/")[0]
        if first in TOGETHER and first not in found:
            found.append(first)
        found.append(group)
    return [name for name in found if name != "weights"]


def frame(file: h5py.File, name: str) -> pd.DataFrame:
    """One table of `names`. Codes are words; values of several units are a column each, value_0, value_1, ..."""
    pandas = _module("pandas", "Trace.frame")
    if name not in TOGETHER:
        return pandas.DataFrame(_columns(file[name]))
    parts = []
    for one in file[name]:
        part = pandas.DataFrame(_columns(file[name][one]))
        part.insert(0, TOGETHER[name], one)
        parts.append(part)
    return pandas.concat(parts, ignore_index=True)


def export(file: h5py.File, name: str, path: Path) -> None:
    """Writes one table as .csv or .parquet. Raises InputError for another extension, or what cannot be written."""
    if path.suffix not in (".csv", ".parquet"):
        raise InputError(f"{path}: tables are written as .csv or .parquet; accepted: a name that ends so")
    table = frame(file, name)
    try:
        if path.suffix == ".csv":
            content = table.to_csv(index=False).encode()
        else:
            _module("pyarrow", "an export as .parquet")
            content = table.to_parquet(index=False)
        replace(path, content)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}; accepted: a file that can be written") from None


def tree(file: h5py.File) -> xr.DataTree:
    """All tables, weights and records, in memory, with their dimensions, units and long names."""
    xarray = _module("xarray", "Trace.to_xarray")
    if not hasattr(xarray, "DataTree"):
        raise InputError(f"Trace.to_xarray: xarray {xarray.__version__} has no DataTree; accepted: 2024.10 or later")
    about = {key: file.attrs[key] for key in ("status", "schema_version")}
    groups = {f"/{name}": _dataset(xarray, file[name]) for name in _groups(file)}
    return xarray.DataTree.from_dict({"/": xarray.Dataset(attrs=about), **groups})


def _groups(file: h5py.File) -> Iterator[str]:
    """The groups that hold arrays."""
    found: list[str] = []
    file.visititems(lambda name, item: found.append(name) if _holds_arrays(item) else None)
    return (name for name in found if name.partition("/")[0] not in _LEFT_OUT)


def _holds_arrays(item: h5py.Group | h5py.Dataset) -> bool:
    return isinstance(item, h5py.Group) and any(isinstance(one, h5py.Dataset) for one in item.values())


def _is_bare(dataset: h5py.Dataset) -> bool:
    return dataset.is_scale and str(np.bytes_(dataset.attrs.get("NAME", b"")).decode()).startswith(_BARE)


def _dimensions(dataset: h5py.Dataset) -> tuple[str, ...]:
    if dataset.is_scale:
        return (dataset.name.rpartition("/")[2],)
    return tuple(axis[0].name.rpartition("/")[2] for axis in dataset.dims)


def _arrays(group: h5py.Group) -> Iterator[tuple[str, h5py.Dataset]]:
    return ((key, item) for key, item in group.items() if isinstance(item, h5py.Dataset) and not _is_bare(item))


def _dataset(xarray: Any, group: h5py.Group) -> xr.Dataset:
    variables: dict[str, Any] = {}
    coordinates: dict[str, Any] = {}
    for key, item in _arrays(group):
        attributes = {word: item.attrs[word] for word in ("units", "long_name", "flag_meanings") if word in item.attrs}
        of = coordinates if item.is_scale else variables
        of[key] = (_dimensions(item), item[()], attributes)
    about = {key: value for key, value in group.attrs.items() if key != "segments"}
    return xarray.Dataset(variables, coordinates, attrs=about)


def _columns(group: h5py.Group) -> dict[str, NDArray[Any]]:
    """The columns of a table: its arrays along the first dimension of the others; codes as words."""
    along = next((_dimensions(item)[0] for _, item in _arrays(group) if not item.is_scale), "")
    found: dict[str, NDArray[Any]] = {}
    for key, item in _arrays(group):
        if _dimensions(item)[0] != along:
            continue
        values = item[()]
        if "flag_meanings" in item.attrs:
            values = np.array(str(item.attrs["flag_meanings"]).split())[values]
        if values.ndim == 1:
            found[key] = values
        else:
            found |= {f"value_{k}": column for k, column in enumerate(values.reshape(len(values), -1).T)}
    return found


def _module(name: str, what: str) -> Any:
    from importlib import import_module

    try:
        return import_module(name)
    except ModuleNotFoundError:
        raise InputError(f"{what} needs {name}: pip install {name}") from None
