"""T of one sample, of labels and of real targets, against plain NumPy."""

from __future__ import annotations

import numpy as np
import pytest

from channelsim.engine.layers import targets as inner_targets
from channelsim.engine.setup.constants import split
from tests.engine.compiled import compiled_module

targets = compiled_module(inner_targets)
F = np.float32


@pytest.mark.parametrize("n", [1, 3, 70])
def test_target_of_a_label_is_one_hot(n: int) -> None:
    y = np.arange(5) % n
    labels, none = split(y)
    assert (labels.dtype, len(none)) == (np.int32, 0)
    for sample in range(5):
        out = np.full(n, np.nan, F)
        targets.target_of(labels, none, sample, out)
        np.testing.assert_array_equal(out, np.eye(n, dtype=F)[y[sample]])


@pytest.mark.parametrize("n", [1, 3, 70])
def test_a_real_target_is_its_row(n: int) -> None:
    y = np.random.default_rng(n).normal(size=(5, n)).astype(F)
    none, flat = split(y)
    assert (len(none), flat.shape) == (0, (5 * n,)) and np.shares_memory(flat, y)
    for sample in range(5):
        out = np.full(n, np.nan, F)
        targets.target_of(none, flat, sample, out)
        np.testing.assert_array_equal(out, y[sample])
