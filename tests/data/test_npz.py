from __future__ import annotations

import io
import re
import zipfile
from pathlib import Path

import numpy as np
import pytest

from channelsim.data import Dataset, load_dataset
from channelsim.data.findings import Scale
from channelsim.errors import InputError


def arrays(**changes: object) -> dict[str, np.ndarray]:
    """A valid archive of 20 + 8 samples with 6 inputs and 3 classes; a change to None leaves a key out."""
    rng = np.random.default_rng(1)
    whole: dict = {
        "train_x": rng.uniform(size=(20, 6)).astype(np.float32),
        "train_y": np.arange(20) % 3,
        "test_x": rng.uniform(size=(8, 6)).astype(np.float32),
        "test_y": np.arange(8) % 3,
    } | changes
    return {key: value for key, value in whole.items() if value is not None}


def write(folder: Path, **changes: object) -> Path:
    path = folder / "own.npz"
    np.savez(path, **arrays(**changes))
    return path


def test_floats_are_taken_as_they_are(tmp_path: Path) -> None:
    write(tmp_path)
    data = load_dataset(name="own.npz", base=tmp_path)
    np.testing.assert_array_equal(data.train_x, arrays()["train_x"])
    np.testing.assert_array_equal(data.test_y, arrays()["test_y"])
    assert (data.shape, data.classes, data.train_y.dtype, len(data.validation_x)) == ((6,), 3, np.int32, 0)


@pytest.mark.parametrize("dtype", [np.uint8, np.int64])
def test_integer_pixels_are_divided_by_255(tmp_path: Path, dtype: type) -> None:
    pixels = np.arange(20 * 12).reshape(20, 3, 2, 2).astype(dtype)
    path = write(tmp_path, train_x=pixels, test_x=pixels[:8])
    data = load_dataset(name=str(path))
    assert data.shape == (3, 2, 2)
    np.testing.assert_array_equal(data.train_x, pixels.reshape(20, 12).astype(np.float32) / np.float32(255))


def test_an_archive_may_bring_its_validation_set(tmp_path: Path) -> None:
    own = arrays()
    path = write(tmp_path, validation_x=own["test_x"][:5], validation_y=own["test_y"][:5])
    data = load_dataset(name=str(path))
    np.testing.assert_array_equal(data.validation_x, own["test_x"][:5])
    assert len(data.train_x) == 20
    with pytest.raises(InputError, match="brings its own validation set"):
        load_dataset(name=str(path), validation=3)


NAN = np.where(np.arange(120).reshape(20, 6) == 9, np.nan, 0.5)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"train_y": None}, r"train_y is missing \(found: test_x, test_y, train_x\)"),
        ({"validation_x": np.zeros((2, 6))}, "validation_y is missing"),
        ({"train_x": NAN}, r"train_x has nan at \(1, 3\)"),
        ({"train_x": np.full((20, 6), 1e300)}, "train_x has inf"),
        ({"test_x": -np.full((8, 6), np.inf)}, "test_x has -inf"),
        ({"train_x": np.zeros((20, 6), complex)}, "train_x is of type complex128"),
        ({"train_x": np.full((20, 6), 256)}, "integers from 256 to 256"),
        ({"train_x": np.full((20, 6), -1)}, "integers from -1 to -1"),
        ({"train_x": np.zeros((20, 2, 3))}, r"train_x has shape \(20, 2, 3\)"),
        ({"train_x": np.zeros((0, 6)), "train_y": np.zeros(0, int)}, r"shape \(0, 6\)"),
        ({"test_x": np.zeros((8, 5))}, r"test_x has images of shape \(5,\), but train_x of \(6,\)"),
        ({"train_y": np.zeros(19, int)}, "train_y has 19 labels for the 20 images of train_x"),
        ({"train_y": np.where(np.arange(20) == 7, np.nan, 1)}, "train_y has nan at 7"),
        ({"train_y": np.full((20, 3), 2)}, r"train_y is of type int64 and shape \(20, 3\), .* not one-hot"),
        ({"train_y": np.zeros((20, 3, 1))}, r"train_y is of type float64 and shape \(20, 3, 1\)"),
        ({"train_y": np.array(["cat"] * 20)}, r"text; .* np\.unique\(train_y, return_inverse=True\)\[1\] numbers them"),
        (
            {"train_y": np.eye(4)[np.arange(20) % 4], "test_y": np.eye(3)[np.arange(8) % 3]},
            "test_y is one-hot with 3 classes, train_y has 4",
        ),
        ({"train_y": np.full(20, -1)}, "label -1"),
        ({"train_y": np.arange(20) % 2 * 2 - 1}, r"label -1; .*: \(1 \+ train_y\) // 2 of labels -1 and 1"),
        ({"train_x": np.zeros((6, 20))}, "train_y has 20 labels for the 6 images of train_x; .* is train_x transposed"),
        ({"test_y": np.full(8, 3)}, "test_y has label 3, beyond the 3 classes .* accepted are 0 to 2"),
        ({"train_x": np.array([{}] * 20)}, "cannot be read as .npz"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, changes: dict, message: str) -> None:
    path = write(tmp_path, **changes)
    with pytest.raises(InputError, match=message) as caught:
        load_dataset(name=str(path))
    assert str(path) in str(caught.value) and "accepted" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_files_that_are_no_archive(tmp_path: Path) -> None:
    path = write(tmp_path)
    whole = path.read_bytes()
    np.save(tmp_path / "single.npy", np.zeros(3))
    for content in (b"", b"nonsense", whole[: len(whole) // 2], (tmp_path / "single.npy").read_bytes()):
        path.write_bytes(content)
        with pytest.raises(InputError, match=r"own\.npz"):
            load_dataset(name=str(path))
    with pytest.raises(InputError, match="no such file"):
        load_dataset(name="none.npz", base=tmp_path)
    (tmp_path / "folder.npz").mkdir()
    with pytest.raises(InputError, match="cannot be read"):
        load_dataset(name="folder.npz", base=tmp_path)


@pytest.mark.parametrize(
    ("labels", "note"),
    [
        (np.arange(20) % 3 == 1, "train_y is bool, read as the classes 0 and 1"),
        ((np.arange(20) % 3).astype(np.float64), "train_y is float64, read as class numbers"),
        ((np.arange(20) % 3)[:, None], "train_y is one column, read as class numbers"),
        (np.eye(3)[np.arange(20) % 3], "train_y is one-hot, read as class numbers"),
        (np.eye(3, dtype=np.uint8)[np.arange(20) % 3], "train_y is one-hot, read as class numbers"),
    ],
)
def test_labels_in_other_forms_are_read_and_said(tmp_path: Path, labels: np.ndarray, note: str) -> None:
    path = write(tmp_path, train_y=labels, test_y=np.arange(8) % 2)
    data = load_dataset(name=str(path))
    expected = np.arange(20) % 3 == 1 if labels.dtype == bool else np.arange(20) % 3
    np.testing.assert_array_equal(data.train_y, expected)
    assert data.train_y.dtype == np.int32
    assert data.notes == (note,) and note in data.found


def test_one_hot_labels_have_as_many_classes_as_columns(tmp_path: Path) -> None:
    data = load_dataset(
        name=str(write(tmp_path, train_y=np.eye(5)[np.arange(20) % 3], test_y=np.eye(5)[:3].repeat(3, 0)[:8]))
    )
    assert data.classes == 5
    assert data.warnings == ("no training sample is of class 3, 4 (of 5 classes)",)


def test_labels_from_1_are_refused_with_the_remedy(tmp_path: Path) -> None:
    """Else ten classes would be eleven."""
    path = write(tmp_path, train_y=1 + np.arange(20) % 10, test_y=1 + np.arange(8))
    with pytest.raises(InputError, match=r"labels go from 1 to 10, none is 0; .*: save train_y - 1, test_y - 1$"):
        load_dataset(name=str(path))


@pytest.mark.parametrize("shape", [(8, 8, 1), (32, 32, 3), (24, 32, 3)])
def test_images_with_channels_last_are_refused_with_the_remedy(tmp_path: Path, shape: tuple[int, ...]) -> None:
    path = write(tmp_path, train_x=np.zeros((20, *shape)), test_x=np.zeros((8, *shape)))
    with pytest.raises(
        InputError, match=r"train_x has shape .* channels last; .* save train_x\.transpose\(0, 3, 1, 2\)"
    ):
        load_dataset(name=str(path))


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 32, 32), (3, 3, 3), (1, 1, 1), (16, 16, 2), (1, 9, 1), (3, 9, 3)])
def test_images_with_channels_first_are_taken(tmp_path: Path, shape: tuple[int, ...]) -> None:
    x = np.random.default_rng(1).uniform(size=(28, *shape))
    data = load_dataset(name=str(write(tmp_path, train_x=x[:20], test_x=x[20:])))
    assert (data.shape, data.warnings) == (shape, ())


def test_a_shape_that_may_be_either_is_taken_with_a_warning(tmp_path: Path) -> None:
    x = np.random.default_rng(1).uniform(size=(28, 16, 10, 1))
    data = load_dataset(name=str(write(tmp_path, train_x=x[:20], test_x=x[20:])))
    assert data.shape == (16, 10, 1)
    assert "read as 16 channels of 10 x 1; are they images of 16 x 10, channels last?" in data.warnings[0]


@pytest.mark.parametrize(
    "names",
    ["x_train y_train x_test y_test", "X_train Y_train X_test Y_test", "trainX trainY testX testY",
     "train_images train_labels test_images test_labels", "xtrain ytrain xtest ytest"],
)  # fmt: skip
def test_keys_of_other_names_are_listed_and_guessed(tmp_path: Path, names: str) -> None:
    path, keys = tmp_path / "own.npz", names.split()
    np.savez(path, **dict(zip(keys, arrays().values(), strict=True)))
    with pytest.raises(InputError, match="train_x is missing") as caught:
        load_dataset(name=str(path))
    text = str(caught.value)
    assert f"found: {', '.join(sorted(keys))}" in text and f"{keys[0]} seems to be it" in text and "\n" not in text
    remedy = ", ".join(
        f'{name}=old["{key}"]' for name, key in zip(("train_x", "train_y", "test_x", "test_y"), keys, strict=True)
    )
    assert f'np.savez("own.npz", {remedy})' in text


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ("arr_0 arr_1 arr_2 arr_3", "found: arr_0, arr_1, arr_2, arr_3.* saved without names"),
        ("x y", "found: x, y.* one set; save a part of it for training"),
        ("weights", r"found: weights\); accepted are train_x, .* validation_y$"),
        ("", r"found: no arrays\)"),
    ],
)
def test_keys_that_are_no_such_names(tmp_path: Path, keys: str, words: str) -> None:
    np.savez(tmp_path / "own.npz", **dict.fromkeys(keys.split(), np.zeros(3)))
    with pytest.raises(InputError, match=rf"own\.npz: train_x is missing \({words}"):
        load_dataset(name="own.npz", base=tmp_path)


def test_a_part_that_is_not_read_is_told(tmp_path: Path) -> None:
    data = load_dataset(name=str(write(tmp_path, x_val=np.zeros(3), y_val=np.zeros(3), author=np.zeros(1))))
    (warning,) = data.warnings
    assert "not read" in warning and "x_val (save it as validation_x), y_val (save it as validation_y)" in warning
    assert "author" not in warning


# --- the range of the values ------------------------------------------------------------------------------------


def images(low: float, high: float, dtype: type, samples: int = 28) -> np.ndarray:
    """(samples, 6) values that have both ends in each sample."""
    return np.tile(np.array([low, high, low, high, high, low], dtype), (samples, 1))


def of_range(folder: Path, low: float, high: float, dtype: type, scale: Scale = "auto") -> Dataset:
    x = images(low, high, dtype)
    return load_dataset(name=str(write(folder, train_x=x[:20], test_x=x[20:])), scale=scale)


@pytest.mark.parametrize(
    ("low", "high", "dtype", "scale", "factor", "found"),
    [
        (0, 255, np.uint8, "auto", 255, "uint8 0..255, divided by 255"),
        (3, 128, np.int64, "auto", 255, "int64 3..128, divided by 255"),
        (0, 1, np.uint8, "auto", 1, "uint8 0..1, used as they are"),
        (0, 1, bool, "auto", 1, "bool 0..1, used as they are"),
        (-1.5, 2.5, np.float64, "auto", 1, "float64 -1.5..2.5, used as they are"),
        (0, 16, np.uint8, 16, 16, "uint8 0..16, divided by 16"),
        (0, 16, np.uint8, "none", 1, "uint8 0..16, used as they are"),
        (0, 255, np.uint8, "none", 1, "uint8 0..255, used as they are"),
        (0, 255, np.float32, 255, 255, "float32 0..255, divided by 255"),
        (0, 65535, np.uint16, 65535, 65535, "uint16 0..65535, divided by 65535"),
        (-128, 127, np.int8, 128, 128, "int8 -128..127, divided by 128"),
        (-1, 1, np.int8, "none", 1, "int8 -1..1, used as they are"),
    ],
)
def test_what_was_found_and_done_is_said(
    tmp_path: Path, low: float, high: float, dtype: type, scale: Scale, factor: float, found: str
) -> None:
    data = of_range(tmp_path, low, high, dtype, scale)
    np.testing.assert_array_equal(data.train_x, images(low, high, np.float32, 20) / np.float32(factor))
    np.testing.assert_array_equal(data.test_x, data.train_x[:8])
    assert (data.found, data.warnings) == (found, ())


@pytest.mark.parametrize(
    ("low", "high", "dtype", "scale", "words"),
    [
        (0, 16, np.uint8, "auto", r"inputs reach 16 \(train_x: uint8 0\.\.16, used as they are\).* data\.scale = 16 "),
        (0, 16, np.float32, "auto", r"inputs reach 16 .* data\.scale = 16 "),
        (0, 255, np.float32, "auto", r"inputs reach 255 \(train_x: float32 0\.\.255, used as they are\)"),
        (0, 100, np.uint8, "auto", r"inputs reach 100 "),
        (0, 254.4, np.float64, "auto", r"inputs reach 254\.4 .* data\.scale = 255 "),
        (0, 1, np.uint8, 255, r"inputs reach 0\.003922 \(train_x: uint8 0\.\.1, divided by 255\): such small inputs"),
        (0, 1 / 255, np.float32, "auto", r"inputs reach 0\.003922"),
        (0, 0, np.float32, "auto", r"inputs reach 0 .* data\.scale = 1 "),
    ],
)
def test_implausible_ranges_are_warned_about(
    tmp_path: Path, low: float, high: float, dtype: type, scale: Scale, words: str
) -> None:
    (warning,) = of_range(tmp_path, low, high, dtype, scale).warnings
    assert re.match(words, warning)


def test_the_scale_is_decided_by_the_whole_set(tmp_path: Path) -> None:
    """And not by the samples that are used: a shorter set has the same ones."""
    x = np.vstack([images(0, 9, np.uint8, 27), images(0, 255, np.uint8, 1)])
    path = write(tmp_path, train_x=x[:20], test_x=x[20:])
    assert load_dataset(name=str(path), train=5, test=5).train_x.max() == np.float32(9) / np.float32(255)


def test_parts_on_different_scales_are_warned_about(tmp_path: Path) -> None:
    x = images(0, 1, np.float32)
    data = load_dataset(name=str(write(tmp_path, train_x=x[:20], test_x=255 * x[20:])))
    assert data.warnings == (
        "test_x reaches 255 (float32 0..255, used as they are), train_x 1 (float32 0..1, used as they are):"
        " they are not on one scale",
    )
    same = load_dataset(name=str(write(tmp_path, train_x=x[:20], test_x=(255 * x[20:]).astype(np.uint8))))
    assert same.warnings == () and same.test_x.max() == 1


def test_normalized_values_may_have_had_any_range(tmp_path: Path) -> None:
    x = np.random.default_rng(1).uniform(0, 4000, (28, 6))
    data = load_dataset(name=str(write(tmp_path, train_x=x[:20], test_x=x[20:])), normalize=True)
    assert data.warnings == () and data.found.endswith("used as they are, normalized")


def test_integers_beyond_pixels_need_a_scale(tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=r'integers from 0 to 4095; .* data\.scale = 4095, which divides them, or "none"'
    ):
        of_range(tmp_path, 0, 4095, np.uint16)
    with pytest.raises(InputError, match=r"^data\.scale = 1e-37: train_x has values up to 255; .* exceed float32"):
        of_range(tmp_path, 0, 255, np.uint8, 1e-37)


# --- classes ------------------------------------------------------------------------------------------------------


def test_classes_without_samples_and_sorted_sets_are_warned_about(tmp_path: Path) -> None:
    path = str(write(tmp_path, train_y=np.sort(np.arange(20) % 4), test_y=np.arange(8) % 4))
    assert load_dataset(name=path).warnings == ()
    data = load_dataset(name=path, validation=5, test=1)
    absent, sorted_by_class = data.warnings
    assert absent == "no training sample is of class 3 (of 4 classes)"
    assert sorted_by_class.startswith("all 5 validation samples are of class 3; is the set sorted by class?")
    path = str(write(tmp_path, train_y=np.arange(20) % 4, test_y=np.full(8, 2)))
    assert load_dataset(name=path).warnings[0].startswith("all 8 test samples are of class 2")
    many = load_dataset(name=str(write(tmp_path, train_y=np.append(np.zeros(19, int), 9), test_y=np.arange(8))))
    assert many.warnings == ("no training sample is of class 1, 2, 3, 4, 5 and 3 more (of 10 classes)",)


def npy(array: np.ndarray, shape: tuple[int, ...] | None = None) -> bytes:
    """An .npy file, whose header may announce another shape."""
    stream = io.BytesIO()
    if shape is None:
        np.save(stream, array)
    else:
        kind = {"descr": np.lib.format.dtype_to_descr(array.dtype), "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(stream, kind)
        stream.write(array.tobytes())
    return stream.getvalue()


@pytest.mark.parametrize(
    ("content", "method", "told"),
    [
        (npy(np.zeros(3), (1 << 40, 6)), zipfile.ZIP_STORED, "train_x.npy announces 52,776,558,133,376 bytes, but has"),
        (npy(np.zeros(3), (1 << 40, 6)), zipfile.ZIP_DEFLATED, "train_x.npy announces 52,776,558,133,376 bytes"),
        (npy(np.zeros(9), (3,)), zipfile.ZIP_DEFLATED, "train_x.npy announces"),
        (npy(np.zeros((20, 6))), zipfile.ZIP_LZMA, "train_x.npy is compressed in a way that numpy.savez does not use"),
        (npy(np.zeros((20, 6))), zipfile.ZIP_BZIP2, "train_x.npy is compressed in a way"),
    ],
)
def test_archives_that_take_more_memory_than_they_have(tmp_path: Path, content: bytes, method: int, told: str) -> None:
    path = tmp_path / "own.npz"
    with zipfile.ZipFile(path, "w", method) as archive:
        for key, array in arrays().items():
            archive.writestr(f"{key}.npy", content if key == "train_x" else npy(array))
    with pytest.raises(InputError, match=rf"own\.npz: cannot be read as \.npz \({told}"):
        load_dataset(name="own.npz", base=tmp_path)


def test_an_archive_in_an_unknown_way_of_compression(tmp_path: Path) -> None:
    path = write(tmp_path)
    content = bytearray(path.read_bytes())
    for mark, at in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):  # of each entry, and of the list of them
        place = content.find(mark)
        while place >= 0:
            content[place + at] = 99
            place = content.find(mark, place + 1)
    path.write_bytes(content)
    with pytest.raises(InputError, match="is compressed in a way"):
        load_dataset(name="own.npz", base=tmp_path)


def test_an_archive_that_claims_to_unpack_without_end(tmp_path: Path) -> None:
    """Its list of entries says so; nothing is unpacked to find out."""
    path = tmp_path / "own.npz"
    np.savez_compressed(path, **arrays())
    content = bytearray(path.read_bytes())
    place = content.find(b"PK\x01\x02")
    content[place + 24 : place + 28] = (0xFFFF0000).to_bytes(4, "little")
    path.write_bytes(content)
    with pytest.raises(InputError, match="announces 4,294,901,760 bytes, but has"):
        load_dataset(name="own.npz", base=tmp_path)


# --- real targets -------------------------------------------------------------------------------------------------

REAL = np.random.default_rng(4).normal(size=(28, 3))


@pytest.mark.parametrize("columns", [None, 1, 3])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16])
def test_floats_are_real_targets(tmp_path: Path, columns: int | None, dtype: type) -> None:
    y = (REAL[:, 0] if columns is None else REAL[:, :columns]).astype(dtype)
    data = load_dataset(
        name=str(write(tmp_path, train_y=y[:20], test_y=y[20:], validation_x=np.ones((8, 6)), validation_y=y[20:]))
    )
    assert (data.real, data.classes, data.outputs, data.warnings, data.notes) == (True, 0, columns or 1, (), ())
    for part, rows in (("train", y[:20]), ("test", y[20:]), ("validation", y[20:])):
        found = getattr(data, f"{part}_y")
        assert found.dtype == np.float32 and found.flags.c_contiguous
        np.testing.assert_array_equal(found, rows.reshape(len(rows), -1).astype(np.float32))
    cut = load_dataset(name=str(tmp_path / "own.npz"), train=5, test=3)
    assert (cut.train_y.shape, cut.test_y.shape) == ((5, columns or 1), (3, columns or 1))


def test_validation_samples_are_held_out_with_their_targets(tmp_path: Path) -> None:
    path = str(write(tmp_path, train_y=REAL[:20], test_y=REAL[20:]))
    data = load_dataset(name=path, validation=4)
    np.testing.assert_array_equal(data.validation_y, REAL[16:20].astype(np.float32))


def test_parts_are_what_the_training_part_is(tmp_path: Path) -> None:
    """Whole numbers in a part of real targets are real."""
    data = load_dataset(name=str(write(tmp_path, train_y=REAL[:20, 0], test_y=np.arange(8))))
    np.testing.assert_array_equal(data.test_y, np.arange(8, dtype=np.float32)[:, None])


@pytest.mark.parametrize(
    "y",
    [np.arange(20) % 3, (np.arange(20) % 3).astype(float), np.eye(3)[np.arange(20) % 3], np.arange(20) % 2 == 1],
    ids=["integers", "whole floats", "one-hot", "bool"],
)
def test_target_says_what_is_real_and_what_are_classes(tmp_path: Path, y: np.ndarray) -> None:
    path = str(write(tmp_path, train_y=y, test_y=y[:8]))
    real = load_dataset(name=path, target="real")
    np.testing.assert_array_equal(real.train_y, y.reshape(20, -1).astype(np.float32))
    assert (real.classes, real.outputs) == (0, 3 if y.ndim == 2 else 1)
    assert load_dataset(name=path, target="classes").digests == load_dataset(name=path).digests


def test_a_set_known_by_name_has_classes_unless_it_is_said() -> None:
    classes, real = (load_dataset(name="synthetic", train=9, test=5, target=t) for t in ("auto", "real"))
    np.testing.assert_array_equal(real.train_y, classes.train_y[:, None].astype(np.float32))
    assert (classes.real, real.real, real.warnings) == (False, True, ())
    image = load_dataset(name="synthetic", train=9, test=5, target="input", validation=2)
    assert image.test_y is image.test_x and image.validation_y is image.validation_x and len(image.validation_y) == 2


@pytest.mark.parametrize(
    ("changes", "target", "message"),
    [
        (
            {"train_y": REAL[:20, 0], "test_y": REAL[20:, 0]},
            "classes",
            r"train_y has .* at 0, which is no class number",
        ),
        ({"train_y": REAL[:20], "test_y": REAL[20:]}, "classes", r"its rows are not one-hot .*data\.target = \"real\""),
        ({"train_y": REAL[:20], "test_y": REAL[20:, :2]}, "auto", "test_y has 2 values a sample, train_y has 3"),
        ({"train_y": REAL[:19], "test_y": REAL[20:]}, "auto", "train_y has 19 labels for the 20 images of train_x"),
        (
            {"train_y": REAL[:20] * 1e300, "test_y": REAL[20:]},
            "auto",
            r"train_y has -?inf at \(0, 0\); accepted are finite",
        ),
        ({"train_y": np.where(REAL[:20] > 2, REAL[:20], np.nan)}, "real", r"train_y has nan at \(0, 0\); accepted"),
        ({"train_y": np.zeros((20, 3, 1))}, "real", r"shape \(20, 3, 1\); accepted are real targets"),
        ({"train_y": np.array(["cat"] * 20)}, "real", "accepted are real targets"),
        ({"train_y": REAL[:20], "test_y": None}, "auto", "test_y is missing"),
    ],
)
def test_real_targets_that_are_wrong_are_named(tmp_path: Path, changes: dict, target: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        load_dataset(name=str(write(tmp_path, **changes)), target=target)
    assert "own.npz" in str(caught.value) and "\n" not in str(caught.value)


def test_labels_of_float16_are_class_numbers_without_a_warning(tmp_path: Path) -> None:
    x = np.ones((4, 2), np.float32)
    np.savez(tmp_path / "half.npz", train_x=x, train_y=np.array([0, 1, 2, 1], np.float16))
    found = load_dataset(name=str(tmp_path / "half.npz"))
    assert found.train_y.tolist() == [0, 1, 2, 1] and len(found.test_y) == 0
    with pytest.raises(InputError, match=r"data\.test = 5: there are no test samples; accepted: no value"):
        load_dataset(name=str(tmp_path / "half.npz"), test=5)
