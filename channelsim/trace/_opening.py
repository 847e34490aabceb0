"""A trace is opened: what is none, is not whole, or is of another version is refused."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from channelsim.errors import InputError
from channelsim.files import refuse_special
from channelsim.trace import _bulk, _disk, _layout, _seal, _structure

# What h5py, NumPy and json raise where a part is missing, cannot be read, or is of another kind than it should be.
_OF_DAMAGE = (OSError, LookupError, RuntimeError, ValueError, TypeError, AttributeError, ArithmeticError)


@contextmanager
def whole(path: Path) -> Iterator[None]:
    """Around what only reads a trace: a part that is missing, or that cannot be read, raises InputError."""
    try:
        yield
    except InputError:
        raise
    except _OF_DAMAGE as error:
        reason = " ".join(str(error.args[-1] if error.args else error).split())
        raise damaged(path, reason[:200] or type(error).__name__) from None


def damaged(path: Path, reason: str) -> InputError:
    """What to tell of a trace that cannot be read to its end."""
    return InputError(f"{path}: damaged ({reason}); accepted: a whole trace: run its scenario again, with --force")


def open_trace(path: Path) -> h5py.File:
    """The file, open for reading. Raises InputError for what is not a trace of this schema version, or not whole."""
    if not path.exists():
        raise InputError(f"{path}: no such trace; a run leaves one, by default runs/NAME.h5")
    if path.is_dir():
        raise InputError(f"{path}: is a directory; name the trace itself, a file such as runs/NAME.h5")
    refuse_special(path, path.stat().st_mode)
    try:
        file = _opened(path)
    except PermissionError:
        raise InputError(f"{path}: no permission to read it") from None
    except OSError as error:
        if h5py.is_hdf5(path):
            raise damaged(path, str(error)) from None
        raise InputError(f"{path}: not an HDF5 file; a trace made by `channelsim run` is wanted") from None
    try:
        with whole(path):
            _check(path, file)
    except InputError:
        file.close()
        raise
    return file


def _opened(path: Path) -> h5py.File:
    """Without a lock, as a trace is replaced, never changed; with HDF5's own where another library has opened it so in
    this process, as all of a process have to agree."""
    try:
        return h5py.File(path, "r", locking=False)
    except OSError as error:
        if "locking flag" not in str(error):
            raise
    return h5py.File(path, "r")


def _check(path: Path, file: h5py.File) -> None:
    """The root attributes first, which HDF5 itself has checksums for; then every byte, and only then all the rest."""
    kind, version = (plain(file.attrs.get(name)) for name in ("format", "schema_version"))
    if not isinstance(kind, str) or kind != _layout.FORMAT:
        raise InputError(f"{path}: an HDF5 file, but not a trace made by `channelsim run`")
    if not isinstance(version, int) or version != _layout.SCHEMA_VERSION:
        raise InputError(
            f"{path}: schema_version {version}; this channelsim reads version {_layout.SCHEMA_VERSION}: "
            "run the scenario again, or use the version of channelsim named in /provenance"
        )
    if not _seal.digits(path):
        raise damaged(path, "its bytes are not those that were written: they do not match its checksum")
    reason = _structure.fault(file, _bulk.segments(file))
    if reason:
        raise damaged(path, reason)
    if file.attrs["status"] not in _layout.STATUSES:
        raise damaged(path, "its status is none that a run leaves")
    _bulk.check(_disk.real(path), file)


def plain(value: Any) -> Any:
    """A number of NumPy's as one of Python's; other values of attributes as they are."""
    return value.item() if isinstance(value, np.generic) else value
