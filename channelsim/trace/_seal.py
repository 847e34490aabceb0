"""The seal of a file: a checksum over every byte of it, which stands in the file itself.

The root attribute `seal` is a string whose last eight characters are the CRC-32 of the file in which they are zeros. It
is made before anything else, so it lies near the start of the file, and is found there without HDF5.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import h5py
from isal import isal_zlib

from channelsim import files

_PREFIX = b"channelsim: CRC-32 of this file with zeros in the place of these digits: "
_DIGITS = 8
_WITHIN = 1 << 16  # bytes from the start in which it lies
_BLOCK = 1 << 24


def put(file: h5py.File) -> None:
    """Make room for the seal in a file that is still empty."""
    # A string of variable length lies in a heap, outside of what HDF5 has checksums of its own for.
    file.attrs.create("seal", (_PREFIX + b"0" * _DIGITS).decode(), dtype=h5py.string_dtype("utf-8"))


def sealed(image: bytes) -> list[memoryview]:
    """The parts of the image of a file, with its seal set."""
    content, at = memoryview(image), _place(image[:_WITHIN])
    if at < 0:
        raise ValueError("no room was made for a seal")
    digits = _checksum([content[:at], memoryview(b"0" * _DIGITS), content[at + _DIGITS :]])
    return [content[:at], memoryview(digits), content[at + _DIGITS :]]


def reseal(path: Path) -> None:
    """Set the seal of a file on disk whose content is as it should be."""
    with open(path, "rb+") as file:
        at = _place(file.read(_WITHIN))
        if at < 0:
            raise ValueError(f"{path}: no room was made for a seal")
        digits = _checksum(_pieces(file, at))
        file.seek(at)
        file.write(digits)
        file.flush()
        os.fsync(file.fileno())


def of(parts: list[memoryview]) -> str:
    """The seal that `sealed` has set: eight hexadecimal digits."""
    return parts[1].tobytes().decode()


def digits(path: Path) -> str:
    """The seal of a file that is as it was sealed; else nothing. Raises OSError, and InputError for no regular file."""
    with files.open_regular(path) as file:  # once: a run may put another in its place meanwhile
        head = file.read(_WITHIN)
        at = _place(head)
        if at < 0 or _checksum(_pieces(file, at)) != head[at : at + _DIGITS]:
            return ""
        return head[at : at + _DIGITS].decode()


def has_one(path: Path) -> bool:
    """Whether a file has a seal, be it whole or not."""
    with files.open_regular(path) as file:
        return _place(file.read(_WITHIN)) >= 0


def _place(head: bytes) -> int:
    """Where the digits are; -1: nowhere."""
    found = head.find(_PREFIX)
    at = found + len(_PREFIX)
    return at if found >= 0 and at + _DIGITS <= len(head) else -1


def _pieces(file: BinaryIO, at: int) -> Iterator[memoryview]:
    """The content of a file with zeros in the place of the digits, a block at a time."""
    file.seek(0)
    yield memoryview(file.read(at))
    file.seek(at + _DIGITS)
    yield memoryview(b"0" * _DIGITS)
    while block := file.read(_BLOCK):
        yield memoryview(block)


def _checksum(pieces: Iterator[memoryview] | list[memoryview]) -> bytes:
    value = 0
    for piece in pieces:
        value = isal_zlib.crc32(piece, value)
    return b"%08x" % value
