"""The IDX format of MNIST and its successors: a short header, then the numbers, most significant byte first.

    0, 0, type, d | d sizes as big-endian uint32 | product(sizes) values, last index fastest

(http://yann.lecun.com/exdb/mnist, "the IDX file format"). Files may be compressed with gzip; that is seen
from their first bytes, not from their name.
"""

from __future__ import annotations

import gzip
import zlib
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from channelsim.errors import InputError

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


def read(path: Path) -> NDArray:
    """The array in an IDX file, in the machine's byte order; it may be a read-only view of the bytes read.

    Raises InputError where the file is not a whole IDX file.
    """
    sizes, dtype, body = _parse(path, None)
    count = prod(sizes)
    if len(body) != count * dtype.itemsize:
        raise InputError(
            f"{path}: the header announces {_times(sizes)} values of {dtype.itemsize} byte"
            f" ({count * dtype.itemsize} bytes), but {len(body)} bytes follow:"
            f" the file is {'truncated' if len(body) < count * dtype.itemsize else 'too long'};"
            " accepted is a whole IDX file"
        )
    return np.frombuffer(body, dtype).reshape(sizes).astype(dtype.newbyteorder("="), copy=False)


def read_sizes(path: Path) -> tuple[int, ...]:
    """The sizes in an IDX file's header, e.g. (60000, 28, 28); the numbers themselves are not read."""
    return _parse(path, LONGEST_HEADER)[0]


def write(path: Path, array: NDArray) -> None:
    """Write an array as an IDX file, compressed where the name ends in `.gz`.

    Raises InputError for a dtype that is not one of the format's, and for an array without dimensions.
    """
    code = next((code for code, dtype in TYPES.items() if dtype.newbyteorder("=") == array.dtype), None)
    if code is None or not 1 <= array.ndim <= 255:
        raise InputError(
            f"{path}: IDX has no place for a {array.ndim}-dimensional array of {array.dtype};"
            " accepted are 1 to 255 dimensions of uint8, int8, int16, int32, float32 or float64"
        )
    head = bytes([0, 0, code, array.ndim]) + np.array(array.shape, ">u4").tobytes()
    content = head + np.ascontiguousarray(array, TYPES[code]).tobytes()
    path.write_bytes(gzip.compress(content, mtime=0) if path.suffix == ".gz" else content)


def _parse(path: Path, limit: int | None) -> tuple[tuple[int, ...], np.dtype[Any], memoryview]:
    """Sizes, type and what follows the header, from the first `limit` unpacked bytes (None: all of them)."""
    content = memoryview(_content(path, limit))
    if len(content) < 4:
        raise InputError(f"{path}: only {len(content)} bytes, truncated; accepted is a whole IDX file")
    zero, code, dimensions = int.from_bytes(content[:2]), content[2], content[3]
    if zero or code not in TYPES or not dimensions:
        raise InputError(
            f"{path}: wrong magic number {content[:4].hex(' ')}, this is no IDX file;"
            " accepted is e.g. 00 00 08 03 for images and 00 00 08 01 for labels"
        )
    start = 4 + 4 * dimensions
    if len(content) < start:
        raise InputError(f"{path}: truncated in its header; accepted is a whole IDX file")
    sizes = tuple(int(size) for size in np.frombuffer(content[4:start], ">u4"))
    return sizes, TYPES[code], content[start:]


def _content(path: Path, limit: int | None) -> bytes:
    """The file's bytes, unpacked if they are gzip; at most `limit` of them."""
    try:
        with path.open("rb") as file:
            packed = file.read(2) == GZIP
            file.seek(0)
            if packed and limit is not None:
                return gzip.GzipFile(fileobj=file).read(limit)
            data = file.read(-1 if limit is None else limit)
        return _unpack(data) if packed else data
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InputError(f"{path}: gzip is truncated or damaged ({error}); accepted is a whole file") from None
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; accepted is an IDX file, gzip or not") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from None


def _unpack(data: bytes) -> bytes:
    """All gzip members of `data`, unpacked at once: that is twice as fast as reading through `gzip.open`."""
    parts = []
    while data:
        member = zlib.decompressobj(wbits=31)
        parts.append(member.decompress(data))
        if not member.eof:
            raise EOFError("it ends before its end marker")
        data = member.unused_data
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _times(sizes: tuple[int, ...]) -> str:
    return " x ".join(map(str, sizes))
