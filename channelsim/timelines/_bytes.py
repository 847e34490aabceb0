"""Numbers and text written one after another into a buffer of bytes, in compiled code."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

# Each function writes at a place of the buffer and returns the place after it.


@njit
def put(buffer, at, data):  # type: ignore[no-untyped-def]
    """Bytes as they are."""
    for byte in data:
        buffer[at] = byte
        at += 1
    return at


@njit
def put_digits(buffer, at, value, base):  # type: ignore[no-untyped-def]
    """A number of 0 or more in ASCII digits, without leading zeros."""
    end = at + 1
    rest = value // base
    while rest > 0:
        end += 1
        rest //= base
    for place in range(end - 1, at - 1, -1):
        buffer[place] = 48 + value % base
        value //= base
    return end


@njit
def put_varint(buffer, at, value):  # type: ignore[no-untyped-def]
    """A number of 0 or more as protocol buffers write it: seven bits a byte, the lowest first."""
    while value > 127:
        buffer[at] = (value & 127) | 128
        value >>= 7
        at += 1
    buffer[at] = value
    return at + 1


@njit
def put_fixed64(buffer, at, value):  # type: ignore[no-untyped-def]
    """A number of 0 or more in eight bytes, the lowest first."""
    for _ in range(8):
        buffer[at] = value & 255
        value >>= 8
        at += 1
    return at


def table(choices: list[bytes]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Byte strings as one array, and where each of them starts (one more entry than strings)."""
    ends = np.cumsum([0, *map(len, choices)])
    return np.frombuffer(b"".join(choices), np.uint8), ends
