from __future__ import annotations

import hashlib

import numpy as np
import pytest

from channelsim.data import load_dataset


def test_they_are_scikit_learns_digits() -> None:
    images, labels = pytest.importorskip("sklearn.datasets").load_digits(return_X_y=True)
    data = load_dataset(name="digits")
    assert (len(data.train_x), len(data.test_x)) == (1437, 360)
    both = np.concatenate([data.train_x, data.test_x]) * 16
    ours = sorted(zip(map(bytes, both.astype(np.uint8)), [*data.train_y, *data.test_y], strict=True))
    assert ours == sorted(zip(map(bytes, images.astype(np.uint8)), labels, strict=True))


def test_every_class_is_in_both_parts() -> None:
    data = load_dataset(name="digits")
    assert np.bincount(data.train_y).min() > 120 and np.bincount(data.test_y).min() > 20


def test_the_split_never_changes() -> None:
    data = load_dataset(name="digits")
    content = data.train_x.tobytes() + data.test_y.tobytes()
    assert hashlib.sha256(content).hexdigest()[:16] == "cd1ba14605f1a3ef"
