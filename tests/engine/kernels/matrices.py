"""Matrices at random for the kernels of dense layers, flat, with gaps behind their rows."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from channelsim.engine import sizes
from tests import naive

CLOSE = {"rtol": 2e-6, "atol": 2e-6}
F = np.float32
MANY = 130  # samples that are worked on in more than one part
SHAPES = st.tuples(st.integers(1, 13), st.integers(1, 150))  # rows, columns: around whole vectors and strips


def matrix(rng: np.random.Generator, *shape: int) -> naive.Floats:
    return rng.normal(size=shape).astype(F)


def chosen(rng: np.random.Generator, rows: int) -> np.ndarray:
    """Some rows, in a random order, possibly none."""
    return rng.permutation(rows)[: rng.integers(0, rows + 1)].astype(np.int32)


def with_gaps(values: naive.Floats) -> tuple[naive.Floats, int]:
    """A matrix as a flat buffer whose rows have gaps between them (not a number: to be left alone), and its stride."""
    gaps = np.full((len(values), 3), np.nan, F)
    rows = np.hstack([values, gaps])
    return rows.reshape(-1), rows.shape[1]


def without_gaps(flat: naive.Floats, stride: int, n: int) -> naive.Floats:
    """The matrix of n columns in such a buffer."""
    rows = flat.reshape(-1, stride)
    assert np.isnan(rows[:, n:]).all()
    return rows[:, :n]


def thinned(rng: np.random.Generator, x: naive.Floats, share: float = 0.5) -> naive.Floats:
    return np.where(rng.random(x.shape) < share, x, F(0))


def room(samples: int, widest: int) -> np.ndarray:
    """For the lists of a mini-batch."""
    return np.full(sizes.list_room(samples, widest), -1, np.int32)
