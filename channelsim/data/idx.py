"""The IDX format of MNIST and its successors: a short header, then the numbers, most significant byte first.

    0, 0, type, d | d sizes as big-endian uint32 | product(sizes) values, last index fastest

(http://yann.lecun.com/exdb/mnist, "the IDX file format"). Files may be compressed with gzip; that is seen
from their first bytes, not from their name.
"""

from __future__ import annotations

import gzip
import os
import sys
import zlib
from math import prod
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from channelsim.errors import InputError
from channelsim.files import open_regular

TYPES: dict[int, np.dtype[Any]] = {
    0x08: np.dtype("u1"),
    0x09: np.dtype("i1"),
    0x0B: np.dtype(">i2"),
    0x0C: np.dtype(">i4"),
    0x0D: np.dtype(">f4"),
    0x0E: np.dtype(">f8"),
}
GZIP = b"\x1f\x8b"
LONGEST_HEADER = 4 + 4 * 255
_DIMENSIONS = 32  # as many as every NumPy has
_HEAD = 1 << 16  # packed bytes in which the header is


def read(path: Path) -> NDArray:
    """The array in an IDX file, in the machine's byte order; it may be a read-only view of the bytes read.

    Raises InputError where the file is not a whole IDX file.
    """
    sizes, dtype, start = _header(path)
    announced = prod(sizes) * dtype.itemsize
    words = f"{path}: the header announces {_times(sizes)} values of {dtype.itemsize} byte ({announced} bytes), but"
    accepted = "accepted is a whole IDX file"
    body = memoryview(_content(path, start + announced + 1, whole=True))[start:]
    if len(body) < announced:
        raise InputError(f"{words} {len(body)} bytes follow: the file is truncated; {accepted}")
    if len(body) > announced:
        raise InputError(f"{words} more bytes follow: the file is too long; {accepted}")
    return np.frombuffer(body, dtype).reshape(sizes).astype(dtype.newbyteorder("="), copy=False)


def read_sizes(path: Path) -> tuple[int, ...]:
    """The sizes in an IDX file's header, e.g. (60000, 28, 28); the numbers themselves are not read."""
    return _header(path)[0]


def write(path: Path, array: NDArray) -> None:
    """Write an array as an IDX file, compressed where the name ends in `.gz`.

    Raises InputError for a dtype that is not one of the format's, and for an array without dimensions, or of too many.
    """
    code = next((code for code, dtype in TYPES.items() if dtype.newbyteorder("=") == array.dtype), None)
    if code is None or not 1 <= array.ndim <= _DIMENSIONS:
        raise InputError(
            f"{path}: IDX has no place for a {array.ndim}-dimensional array of {array.dtype};"
            f" accepted are 1 to {_DIMENSIONS} dimensions of uint8, int8, int16, int32, float32 or float64"
        )
    head = bytes([0, 0, code, array.ndim]) + np.array(array.shape, ">u4").tobytes()
    content = head + np.ascontiguousarray(array, TYPES[code]).tobytes()
    path.write_bytes(gzip.compress(content, mtime=0) if path.suffix == ".gz" else content)


def _header(path: Path) -> tuple[tuple[int, ...], np.dtype[Any], int]:
    """Sizes and type of the numbers, and where they start."""
    content = memoryview(_content(path, LONGEST_HEADER, whole=False))
    if len(content) < 4:
        raise InputError(f"{path}: only {len(content)} bytes, truncated; accepted is a whole IDX file")
    zero, code, dimensions = int.from_bytes(content[:2]), content[2], content[3]
    if zero or code not in TYPES or not 1 <= dimensions <= _DIMENSIONS:
        raise InputError(
            f"{path}: wrong magic number {content[:4].hex(' ')}, this is no IDX file;"
            " accepted is e.g. 00 00 08 03 for images and 00 00 08 01 for labels"
        )
    start = 4 + 4 * dimensions
    if len(content) < start:
        raise InputError(f"{path}: truncated in its header; accepted is a whole IDX file")
    return tuple(int(size) for size in np.frombuffer(content[4:start], ">u4")), TYPES[code], start


def _content(path: Path, limit: int, *, whole: bool) -> bytes:
    """The first `limit` bytes of a file, unpacked if they are gzip; all, if it has no more, and then if `whole` gzip
    must be complete."""
    try:
        with open_regular(path) as file:
            packed = file.read(2) == GZIP
            file.seek(0)
            if packed:
                return _unpack(file, limit, whole)
            return file.read(min(limit, os.fstat(file.fileno()).st_size))  # what is asked for is allocated at once
    except (EOFError, zlib.error) as error:
        raise InputError(f"{path}: gzip is truncated or damaged ({error}); accepted is a whole file") from None
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; accepted is an IDX file, gzip or not") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from None


def _unpack(file: BinaryIO, limit: int, whole: bool) -> bytes:
    """The first `limit` bytes of all gzip members, each unpacked at once: twice as fast as reading through `gzip`."""
    parts, data = [], file.read(-1 if whole else _HEAD)
    limit = min(limit, sys.maxsize)
    while data and limit > 0:
        member = zlib.decompressobj(wbits=31)
        parts.append(member.decompress(data, limit))
        limit -= len(parts[-1])
        if not member.eof and limit > 0:
            if not whole:
                break
            raise EOFError("it ends before its end marker")
        data = member.unused_data
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _times(sizes: tuple[int, ...]) -> str:
    return " x ".join(map(str, sizes))
