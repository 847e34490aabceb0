from __future__ import annotations

import contextlib
import gzip
import os
import tempfile
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from channelsim.data import idx
from channelsim.errors import InputError

ARRAYS = st.sampled_from(["u1", "i1", "i2", "i4", "f4", "f8"]).flatmap(
    lambda dtype: hnp.arrays(dtype, hnp.array_shapes(max_dims=4, min_side=0, max_side=5))
)
SUFFIXES = st.sampled_from(["", ".gz"])


@given(ARRAYS, SUFFIXES)
def test_what_is_written_is_read(array: np.ndarray, suffix: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"x{suffix}"
        idx.write(path, array)
        back = idx.read(path)
        assert idx.read_sizes(path) == array.shape
    assert back.dtype == array.dtype
    np.testing.assert_array_equal(back, array)


@given(ARRAYS, SUFFIXES, st.data())
def test_a_truncated_file_is_always_an_input_error(array: np.ndarray, suffix: str, data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"x{suffix}"
        idx.write(path, array)
        content = path.read_bytes()
        path.write_bytes(content[: data.draw(st.integers(0, len(content) - 1))])
        with pytest.raises(InputError, match="truncated"):
            idx.read(path)


@settings(max_examples=300)
@given(st.binary(max_size=40))
def test_any_bytes_are_an_array_or_an_input_error(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x"
        for packed in (content, b"\0\0\x08\x01" + content, b"\x1f\x8b" + content, gzip.compress(content)):
            path.write_bytes(packed)
            for read in (idx.read, idx.read_sizes):
                try:
                    read(path)
                except InputError as error:
                    assert str(path) in str(error) and "\n" not in str(error)


def test_the_format_by_hand(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(bytes([0, 0, 0x0B, 2, 0, 0, 0, 2, 0, 0, 0, 1, 0x01, 0x02, 0xFF, 0xFE]))
    np.testing.assert_array_equal(idx.read(path), np.array([[0x0102], [-2]], np.int16))


def test_a_file_of_several_gzip_members_is_read(tmp_path: Path) -> None:
    array = np.arange(200, dtype=np.uint8)
    idx.write(tmp_path / "x", array)
    content = (tmp_path / "x").read_bytes()
    (tmp_path / "x").write_bytes(gzip.compress(content[:50]) + gzip.compress(content[50:]))
    np.testing.assert_array_equal(idx.read(tmp_path / "x"), array)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "only 0 bytes"),
        (b"\x89PNG rest", "wrong magic number 89 50 4e 47"),
        (b"\0\0\x07\x01\0\0\0\0", "wrong magic number 00 00 07 01"),
        (b"\0\0\x08\0", "wrong magic number 00 00 08 00"),
        (b"\0\0\x08\x03\0\0\0\x01", "truncated in its header"),
        (
            b"\0\0\x08\x01\0\0\0\x03\x01\x02",
            "announces 3 values .* but 2 bytes follow: the file is truncated",
        ),
        (b"\0\0\x08\x01\0\0\0\x01\x01\x02", "too long"),
        (b"\0\0\x08\x03" + b"\xff" * 12, "truncated"),
        (
            gzip.compress(b"\0\0\x08\x01\0\0\0\x01\x01", mtime=0)[:-8] + bytes(8),
            "gzip is truncated or damaged",
        ),
    ],
)
def test_damaged_files_say_what_is_wrong(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "train-images-idx3-ubyte"
    path.write_bytes(content)
    with pytest.raises(InputError, match=message) as caught:
        idx.read(path)
    assert str(path) in str(caught.value) and "accepted is" in str(caught.value)


def test_a_missing_file_and_a_folder_are_input_errors(tmp_path: Path) -> None:
    for path, message in ((tmp_path / "none", "no such file"), (tmp_path, "cannot be read")):
        with pytest.raises(InputError, match=message):
            idx.read(path)


@pytest.mark.parametrize("array", [np.zeros(3, np.int64), np.array(["x"]), np.uint8(3)])
def test_write_refuses_what_the_format_has_no_place_for(tmp_path: Path, array: np.ndarray) -> None:
    with pytest.raises(InputError, match="accepted are 1 to 32 dimensions of uint8"):
        idx.write(tmp_path / "x", np.asarray(array))
    assert not (tmp_path / "x").exists()


def peak(read: Callable[[], object]) -> int:
    """Bytes of Python's memory that it takes at most."""
    tracemalloc.start()
    try:
        with contextlib.suppress(InputError):
            read()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_no_more_is_read_than_the_header_announces(tmp_path: Path, suffix: str) -> None:
    """Nor is room made for what is announced and not there."""
    small, large = b"\0\0\x08\x01\0\0\0\x03", b"\0\0\x08\x03" + b"\xff" * 12
    for header in (small, large):
        path = tmp_path / f"{len(header)}{suffix}"
        if suffix:
            path.write_bytes(gzip.compress(header + bytes(50 << 20), 1))
        else:
            path.write_bytes(header)
            os.truncate(path, 50 << 20)
        with pytest.raises(InputError, match="too long" if header is small else "truncated"):
            idx.read(path)
        if header is small:
            assert peak(lambda path=path: idx.read(path)) < 2 << 20  # type: ignore[misc]


def test_too_many_dimensions(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"\0\0\x08\xff" + b"\0\0\0\1" * 255 + b"\0")
    with pytest.raises(InputError, match="wrong magic number 00 00 08 ff"):
        idx.read(tmp_path / "x")
