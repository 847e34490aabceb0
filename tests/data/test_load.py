from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from channelsim.data import NAMES, Dataset, dataset_of, load_dataset, load_each
from channelsim.errors import InputError


def table(**keys: Any) -> Any:
    """A [data] table."""
    others = dict.fromkeys(("idx", "dataset", "train_x", "train_y", "test_x", "test_y"))
    return SimpleNamespace(**{"target": "auto", "scale": "auto", "called": keys["name"], **others, **keys})


def test_a_table_and_keywords_give_the_same() -> None:
    a = load_dataset(table(name="synthetic", train=50, test=20, validation=10, normalize=True, scale=0.5))
    b = load_dataset(name="synthetic", train=50, test=20, validation=10, normalize=True, scale=0.5)
    for part in ("train_x", "train_y", "test_x", "test_y", "validation_x", "validation_y"):
        np.testing.assert_array_equal(getattr(a, part), getattr(b, part))
    with pytest.raises(TypeError, match="a name"):
        load_dataset()


def test_many_tables_at_once_are_those_of_each() -> None:
    """Also where the size decides what a set is (synthetic), and where a part does not fit."""
    sizes = [("digits", 30), ("synthetic", 30), ("digits", 9999), ("none", 1), ("synthetic", 20), ("digits", 20)]
    tables = [table(name=name, train=train, test=5, validation=3, normalize=True) for name, train in sizes]
    found = {(one.name, one.train): dataset for one, dataset in load_each(tables)}
    assert found.keys() == set(sizes)
    for one in tables:
        dataset = found[one.name, one.train]
        if isinstance(dataset, InputError):
            with pytest.raises(InputError, match=re.escape(str(dataset))):
                load_dataset(one)
        else:
            assert dataset.digests == load_dataset(one).digests
    assert [key for key, dataset in found.items() if isinstance(dataset, InputError)] == [("digits", 9999), ("none", 1)]


@pytest.mark.parametrize("name", ["digits", "synthetic"])
def test_every_part_is_ready_for_the_engine(name: str) -> None:
    data = load_dataset(name=name, validation=7)
    for part in ("train", "test", "validation"):
        x, y = getattr(data, f"{part}_x"), getattr(data, f"{part}_y")
        assert x.dtype == np.float32 and x.flags.c_contiguous and x.flags.writeable
        assert x.shape == (len(y), data.inputs) and y.dtype == np.int32
        assert x.min() >= 0 and x.max() <= 1 and y.min() >= 0 and y.max() < data.classes
    assert len(load_dataset(name=name).validation_x) == 0


def test_validation_is_the_end_of_the_training_set() -> None:
    whole = load_dataset(name="digits")
    data = load_dataset(name="digits", train=100, test=30, validation=37)
    np.testing.assert_array_equal(data.validation_x, whole.train_x[-37:])
    np.testing.assert_array_equal(data.validation_y, whole.train_y[-37:])
    np.testing.assert_array_equal(data.train_x, whole.train_x[:100])
    np.testing.assert_array_equal(data.test_x, whole.test_x[:30])
    assert len(load_dataset(name="digits", validation=37).train_x) == 1400
    assert data.train_x.base is None or data.train_x.base.nbytes == data.train_x.nbytes


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"train": 1438}, "data.train = 1438: there are 1437 training samples; accepted is 1 to 1437"),
        ({"train": 0}, "data.train = 0"),
        ({"train": 1400, "validation": 38}, "there are 1399 training samples besides the 38 for validation"),
        ({"test": 361}, "data.test = 361: there are 360 test samples"),
        ({"test": -1}, "data.test = -1"),
        ({"validation": 1437}, "data.validation = 1437: .* accepted are 0 to 1436"),
        ({"validation": -1}, "data.validation = -1"),
    ],
)
def test_sizes_that_do_not_fit(keywords: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        load_dataset(name="digits", **keywords)


def test_errors_of_a_scenario_name_its_file(tmp_path: Path) -> None:
    keys = {"train": 1438, "test": None, "validation": 0, "normalize": False}
    too_many = SimpleNamespace(path=tmp_path / "mine.toml", data=table(name="digits", **keys))
    with pytest.raises(InputError, match=r"^.*/mine\.toml: data\.train = 1438: there are 1437 training samples"):
        dataset_of(too_many)
    gone = SimpleNamespace(path=too_many.path, data=table(name="gone.npz", **keys))
    with pytest.raises(InputError, match=rf"^{tmp_path}/gone\.npz: no such file \(data\.name\)"):
        dataset_of(gone)
    in_python = SimpleNamespace(path=None, data=too_many.data)
    with pytest.raises(InputError, match=r"^data\.train = 1438"):
        dataset_of(in_python)


@pytest.mark.parametrize("keywords", [{"train": 0}, {"test": 0}, {"validation": -1}])
def test_sizes_that_do_not_fit_a_synthetic_set(keywords: dict) -> None:
    with pytest.raises(InputError, match=r"^data"):
        load_dataset(name="synthetic", **keywords)


def test_an_unknown_name_brings_the_nearest_one() -> None:
    with pytest.raises(InputError, match=r'did you mean "mnist"\?') as caught:
        load_dataset(name="mnits")
    assert all(name in str(caught.value) for name in NAMES)
    with pytest.raises(InputError, match="accepted are digits") as caught:
        load_dataset(name="qqqq")
    assert "did you mean" not in str(caught.value)


def test_the_repr_says_what_it_is() -> None:
    data = load_dataset(name="digits", validation=7)
    assert repr(data) == ("Dataset(digits: 1430 train + 7 validation + 360 test samples of 64 values, 10 classes)")


def parts(data: Dataset) -> list[np.ndarray]:
    return [data.train_x, data.validation_x, data.test_x]


def test_normalising_a_flat_set() -> None:
    plain = load_dataset(name="synthetic", validation=100)
    data = load_dataset(name="synthetic", validation=100, normalize=True)
    assert data.train_x.mean(dtype=np.float64) == pytest.approx(0, abs=1e-6)
    assert data.train_x.std(dtype=np.float64) == pytest.approx(1, abs=1e-6)
    mean, deviation = plain.train_x.mean(dtype=np.float64), plain.train_x.std(dtype=np.float64)
    for normal, before in zip(parts(data), parts(plain), strict=True):
        np.testing.assert_allclose(normal, (before - mean) / deviation, rtol=1e-5, atol=1e-6)


def test_normalising_images_goes_by_channel_and_leaves_a_constant_one_finite(tmp_path: object) -> None:
    x = np.random.default_rng(3).integers(0, 256, (40, 3, 2, 2)).astype(np.uint8)
    x[:, 1] = 7
    np.savez(f"{tmp_path}/x.npz", train_x=x, train_y=np.arange(40) % 2, test_x=x[:9], test_y=np.arange(9) % 2)
    data = load_dataset(name=f"{tmp_path}/x.npz", normalize=True)
    train = data.train_x.reshape(40, 3, 4).astype(np.float64)
    np.testing.assert_allclose(train.mean(axis=(0, 2)), 0, atol=1e-6)
    np.testing.assert_allclose(train.std(axis=(0, 2)), [1, 0, 1], atol=1e-6)
    np.testing.assert_array_equal(data.test_x, data.train_x[:9])
    assert data.validation_x.shape == (0, 12)


def test_importing_loads_nothing_heavy() -> None:
    program = (
        "import sys, channelsim.data as d; d.load_dataset(name='digits'); d.load_dataset(name='synthetic');"
        "print([m for m in ('sklearn', 'pooch', 'requests', 'scipy', 'numba', 'torch') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_digests_are_of_shapes_and_values() -> None:
    """So other samples, other labels, another cut and another shape of the same numbers are told apart."""
    data = load_dataset(name="digits", train=100, test=50)
    assert data.digests == load_dataset(name="digits", train=100, test=50).digests
    assert len({text.rpartition(": ")[2] for text in data.digests.values()}) == 6

    def changed(other: Dataset) -> list[str]:
        return [part for part, text in data.digests.items() if text != other.digests[part]]

    assert changed(load_dataset(name="digits", train=100, test=50, validation=1)) == ["validation_x", "validation_y"]
    assert changed(load_dataset(name="digits", train=101, test=50)) == ["train_x", "train_y"]
    assert changed(replace(data, test_y=data.test_y[::-1])) == ["test_y"]
    assert changed(replace(data, shape=(1, 8, 8))) == ["train_x", "test_x", "validation_x"]
    one = data.train_x.copy()
    one[0, 0] = np.nextafter(one[0, 0], np.float32(1))
    assert changed(replace(data, train_x=one)) == ["train_x"]
