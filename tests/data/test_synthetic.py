from __future__ import annotations

import hashlib

import numpy as np
import pytest

from channelsim.data import load_dataset, synthetic


@pytest.mark.parametrize("name", synthetic.KINDS)
def test_more_samples_leave_the_first_ones_as_they_are(name: str) -> None:
    few, many = load_dataset(name=name, train=10, test=5), load_dataset(name=name, train=300, test=100)
    np.testing.assert_array_equal(few.train_x, many.train_x[:10])
    np.testing.assert_array_equal(few.test_y, many.test_y[:5])
    assert not np.array_equal(few.train_x[:5], few.test_x)


@pytest.mark.parametrize("name", synthetic.KINDS)
def test_validation_comes_on_top_of_what_is_asked_for(name: str) -> None:
    data = load_dataset(name=name, train=10, validation=4)
    whole = load_dataset(name=name, train=14)
    np.testing.assert_array_equal(data.validation_x, whole.train_x[10:])


@pytest.mark.parametrize("name", synthetic.KINDS)
def test_classes_are_balanced_and_can_be_told_apart(name: str) -> None:
    data = load_dataset(name=name)
    assert (len(data.train_x), len(data.test_x)) == (synthetic.DEFAULT_TRAIN, synthetic.DEFAULT_TEST)
    counts = np.bincount(data.train_y, minlength=data.classes)
    assert counts.min() > 0.7 * len(data.train_y) / data.classes
    means = np.stack([data.train_x[data.train_y == c].mean(axis=0) for c in range(data.classes)])
    distance = np.square(data.test_x[:, None] - means).sum(axis=2)
    assert (distance.argmin(axis=1) == data.test_y).mean() > 0.95


def test_sparse_is_mostly_exact_zeros() -> None:
    data = load_dataset(name="synthetic.sparse")
    assert 0.1 < (data.train_x != 0).mean() < 0.2
    assert data.train_x[data.train_x != 0].min() >= 0.5


def test_synthetic_is_short_for_blobs() -> None:
    a, b = load_dataset(name="synthetic"), load_dataset(name="synthetic.blobs")
    np.testing.assert_array_equal(a.train_x, b.train_x)


@pytest.mark.parametrize(
    ("name", "digest"), [("synthetic.blobs", "98fed4a3679dde56"), ("synthetic.sparse", "5c27dfb1e2e84615")]
)
def test_the_numbers_never_change(name: str, digest: str) -> None:
    # Rounded, since the last bit of log and cos may differ between math libraries.
    data = load_dataset(name=name, train=50, test=20)
    content = np.round(data.train_x, 4).tobytes() + data.test_y.tobytes()
    assert hashlib.sha256(content).hexdigest()[:16] == digest
