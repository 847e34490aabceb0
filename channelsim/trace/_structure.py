"""What HDF5 may do in a file that is read: hold its own data, and a trace those of its own segments.

HDF5 also lets a file refer to any other one (external links, external storage, virtual datasets), call one object by
many names, and announce arrays of any size that are stored nowhere. No trace does so, and none is read that does.
"""

from __future__ import annotations

import math
from collections.abc import Collection

import h5py

_MOST_PACKED = 1100  # bytes that one byte may unpack to: deflate's limit is 1032
_SMALL = 1 << 16  # bytes of an array that need not be stored: HDF5 does not store what is empty
_BARE = b"This is a netCDF dimension but not a netCDF variable."
_LINKS = {h5py.h5l.TYPE_SOFT: "a soft link", h5py.h5l.TYPE_EXTERNAL: "an external link"}


def fault(file: h5py.File, others: Collection[str] = ()) -> str:
    """What is in a file that no trace has, in words; empty if nothing is.

    Arguments:
        others: names, relative to the file, of those in which parts of its virtual datasets may lie.
    """
    found: list[str] = []

    def look(name: bytes, link: h5py.h5l.LinkInfo) -> bool | None:
        try:
            reason = _of_link(file, name, link, others)
        except Exception as error:  # h5py cannot pass on what is raised here; names may be no text
            reason = f"cannot be read ({error})"
        if reason:
            found.append(f"/{name.decode(errors='replace')} {reason}")
        return True if reason else None  # True ends the visit

    file.id.links.visit(look, info=True)
    return found[0] if found else ""


def _of_link(file: h5py.File, name: bytes, link: h5py.h5l.LinkInfo, others: Collection[str]) -> str:
    if link.type != h5py.h5l.TYPE_HARD:
        return f"is {_LINKS.get(link.type, 'a link of another kind')}"
    what = h5py.h5o.get_info(file.id, name)
    if what.rc != 1:
        return "has more than one name"
    if what.type == h5py.h5o.TYPE_GROUP:
        return ""
    if what.type != h5py.h5o.TYPE_DATASET:
        return "is a named type"
    return _of_dataset(h5py.h5d.open(file.id, name), others)


def _of_dataset(dataset: h5py.h5d.DatasetID, others: Collection[str]) -> str:
    made = dataset.get_create_plist()
    if made.get_external_count():
        return "has its values in another file"
    if made.get_layout() == h5py.h5d.VIRTUAL:
        for k in range(made.get_virtual_count()):
            name = made.get_virtual_filename(k).replace("%%", "%")
            if name not in others:
                return f"has its values in another file, {name!r}"
        return ""
    size = dataset.get_type().get_size() * math.prod(dataset.shape)
    if size > max(_SMALL, _MOST_PACKED * dataset.get_storage_size()) and not _is_bare(dataset):
        return f"announces {size:,} bytes, of which hardly any are stored"
    return ""


def _is_bare(dataset: h5py.h5d.DatasetID) -> bool:
    """Whether it is a dimension without coordinates, whose values are never read."""
    if not h5py.h5a.exists(dataset, b"NAME"):
        return False
    attribute = h5py.h5a.open(dataset, b"NAME")
    return bool(h5py.Dataset(dataset).attrs["NAME"].startswith(_BARE)) if attribute.shape == () else False
