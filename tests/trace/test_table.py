"""Arrays in a trace read back as they were, whichever way they are compressed."""

from __future__ import annotations

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from channelsim.trace import _layout, _table


def through_a_file(values: np.ndarray) -> tuple[np.ndarray, h5py.Dataset]:
    file = _table.in_memory()
    _table.array(file, "values", values, _axes(file, values.shape), "1", "values")
    again = _table.in_memory(_image(file))
    return again["values"][...], again["values"]


def stacked(values: np.ndarray) -> h5py.Dataset:
    """Three entries: zeros, the values, and the values copied from another stack; the first two written over others."""
    file = _table.in_memory()
    entry = _table.growing(file, _layout.EPOCH, 128)
    _table.stack(file, "values", values.dtype, [entry, *_axes(file, values.shape)], "1", "values")
    _table.put(file, "values", {0: values, 1: np.ones_like(values)})
    _table.put(file, "values", {1: values, 0: np.zeros_like(values)})
    other = file.create_group("other")
    _table.stack(
        other, "values", values.dtype, [entry, *(file[f"axis_{k}"] for k in range(values.ndim))], "1", "values"
    )
    _table.put(other, "values", {0: values})
    _table.put_copies(file, "values", [2], other)
    return _table.in_memory(_image(file))["values"]


def _axes(file: h5py.File, shape: tuple[int, ...]) -> list[h5py.Dataset]:
    return [_table.index(file, f"axis_{k}", length, "an axis") for k, length in enumerate(shape)]


def _image(file: h5py.File) -> bytes:
    file.flush()
    return file.id.get_file_image()


@pytest.mark.parametrize("large", [1, _table._LARGE_BYTES], ids=["compressed", "as it is"])
@given(values=arrays.arrays(st.sampled_from([np.float32, np.float64, np.int32]), arrays.array_shapes(max_dims=4)))
def test_round_trip(large, values):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_table, "_LARGE_BYTES", large)
        found, dataset = through_a_file(values)
    np.testing.assert_array_equal(found.view(np.uint8), values.view(np.uint8))  # bits, NaN's too
    assert found.dtype == values.dtype
    is_packed = values.nbytes >= large
    assert (dataset.compression, dataset.shuffle) == (("gzip", True) if is_packed else (None, False))


@pytest.mark.parametrize("large", [1, _table._LARGE_BYTES], ids=["compressed", "as it is"])
@given(values=arrays.arrays(st.sampled_from([np.float32, np.float64, np.int32]), arrays.array_shapes(max_dims=4)))
def test_a_stack(large, values):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_table, "_LARGE_BYTES", large)
        dataset = stacked(values)
    assert dataset.shape == (3, *values.shape)
    for k, expected in enumerate((np.zeros_like(values), values, values)):
        np.testing.assert_array_equal(dataset[k].view(np.uint8), expected.view(np.uint8))
    is_packed = values.nbytes >= large
    assert (dataset.compression, dataset.shuffle) == (("gzip", True) if is_packed else (None, False))


@pytest.mark.parametrize("rows", [3, 261, 262, 263, 1000])
def test_chunks(rows):
    """1 MiB holds 262 of these rows: one chunk, several, the last one full or not."""
    values = np.random.default_rng(rows).normal(size=(rows, 1000)).astype(np.float32)
    found, dataset = through_a_file(values)
    assert dataset.chunks == (min(rows, 262), 1000)
    np.testing.assert_array_equal(found, values)
    assert stacked(values).chunks == (1, min(rows, 262), 1000)
    np.testing.assert_array_equal(stacked(values)[2], values)


def test_learned_weights_shrink():
    values = np.random.default_rng(1).normal(0, 0.1, size=(784, 100)).astype(np.float32)
    assert stacked(values).id.get_storage_size() < 2 * 0.87 * values.nbytes + 10_000  # the first one is zero


def test_nothing():
    found, _ = through_a_file(np.zeros((0, 3), np.float32))
    assert found.shape == (0, 3)


def test_weights_of_few_bits_shrink_more():
    values = np.random.default_rng(1).integers(-7, 8, size=(784, 100)).astype(np.float32) / np.float32(7)
    dataset = stacked(values)
    np.testing.assert_array_equal(dataset[1], values)
    assert dataset.id.get_storage_size() < 2 * 0.4 * values.nbytes


@given(st.lists(st.tuples(st.integers(0, 700), st.booleans()), max_size=6))
def test_bytes_appended(parts):
    """In chunks of 256: parts that end within one and that fill some, noise and what repeats."""
    rng = np.random.default_rng(len(parts))
    pieces = [rng.integers(256 if noisy else 2, size=size).astype(np.uint8) for size, noisy in parts]
    file = _table.in_memory()
    _table.growing(file, _layout.PAYLOAD, 256)
    for piece in pieces:
        _table.append(file, _layout.PAYLOAD.name, piece)
    found = _table.in_memory(_image(file))[_layout.PAYLOAD.name]
    np.testing.assert_array_equal(found[...], np.concatenate([np.zeros(0, np.uint8), *pieces]))
    assert found.compression == "gzip"


def test_bytes_of_floats_and_of_images_shrink():
    rng = np.random.default_rng(1)
    floats = np.tanh(rng.normal(size=100_000)).astype(">f4").view(np.uint8)
    images = np.where(rng.random(400_000) < 0.1, 7, 0).astype(np.uint8)
    for values, share in ((floats, 0.95), (images, 0.25)):
        file = _table.in_memory()
        _table.growing(file, _layout.PAYLOAD, 1 << 16)
        _table.append(file, _layout.PAYLOAD.name, values)
        dataset = file[_layout.PAYLOAD.name]
        assert dataset.id.get_storage_size() < share * values.nbytes
        np.testing.assert_array_equal(dataset[...], values)
