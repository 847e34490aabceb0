"""Products of a mini-batch against plain NumPy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from channelsim.engine import sizes
from channelsim.engine.config import PART_ROWS, PART_SAMPLES, ROW_PARTS
from channelsim.engine.kernels import minibatch as inner_minibatch
from channelsim.plan import Transfer
from tests import naive
from tests.engine.compiled import compiled_module
from tests.engine.kernels.matrices import CLOSE, MANY, F, matrix, room, thinned, with_gaps, without_gaps

minibatch = compiled_module(inner_minibatch)


@pytest.mark.parametrize("samples", [1, 7, MANY, (ROW_PARTS + 1) * PART_SAMPLES])
@pytest.mark.parametrize("sparse", [True, False])
@pytest.mark.parametrize("copied", [True, False])
@pytest.mark.parametrize("kind", ["linear", "tanh", "softmax"])
@pytest.mark.parametrize("fan_in", [11, 3 * PART_ROWS + 7])
def test_forward_of_a_mini_batch(samples: int, sparse: bool, copied: bool, kind: str, fan_in: int) -> None:
    """The input lies in `x`, or is copied there from among more images, some of them taken twice."""
    rng = np.random.default_rng(samples)
    n = 5
    images, bias = thinned(rng, matrix(rng, samples, fan_in)), matrix(rng, n)
    weights = matrix(rng, fan_in, n) / F(np.sqrt(fan_in))
    chosen = rng.integers(samples, size=samples if copied else 0)
    x, held = (images[chosen], np.full(images.shape, np.nan, F)) if copied else (images, images.copy())
    out, spoken = np.full((samples, n), np.nan, F), np.full(samples, -7)
    minibatch.forward(
        sparse, np.int64(Transfer[kind.upper()]), *with_gaps(weights), bias, images.ravel(), chosen, held.reshape(-1),
        out.reshape(-1), np.int64(samples), spoken, np.full(sizes.partial_room(samples, fan_in, n), np.nan, F),
        room(samples, fan_in),
    )  # fmt: skip
    np.testing.assert_array_equal(held, x)
    expected = [naive.transfer(kind, bias + sample.astype(np.float64) @ weights) for sample in x]
    np.testing.assert_allclose(out, expected, **CLOSE)
    np.testing.assert_array_equal(spoken, (out != 0).sum(axis=1))


@pytest.mark.parametrize("fan_in", [1, 300, 5000])
@pytest.mark.parametrize("batch", [1, 99, 130, 249, 250, 3000])
def test_there_is_room_for_partial_sums(batch: int, fan_in: int) -> None:
    """Of every mini-batch of a run, the last one of an epoch too, which may be smaller."""
    needed = [(sizes.row_parts(sizes.parts(samples), fan_in) - 1) * samples * 3 for samples in range(1, batch + 1)]
    assert sizes.partial_room(batch, fan_in, 3) == max(needed)


@pytest.mark.parametrize("samples", [1, 7, MANY])
@pytest.mark.parametrize("rows", [3, 11, 70])
def test_update_of_a_mini_batch(samples: int, rows: int) -> None:
    rng = np.random.default_rng(samples)
    n, learning = 5, samples - samples // 3
    x, signal, before = thinned(rng, matrix(rng, samples, rows), 0.1), matrix(rng, samples, n), matrix(rng, rows, n)
    expected = before + naive.outer_sum(x[:learning], signal[:learning])
    (as_sparse, stride), (as_matrix, _) = with_gaps(before), with_gaps(before)
    given = x.ravel(), signal.ravel(), samples, learning
    active = minibatch.add_outer_sparse(as_sparse, stride, n, *given, room(samples, rows))
    minibatch.add_outer_matrix(as_matrix, stride, n, *given, F(1))
    for made in (as_sparse, as_matrix):
        np.testing.assert_allclose(without_gaps(made, stride, n), expected, rtol=1e-5, atol=1e-5)
    assert active == (x[:learning] != 0).any(axis=0).sum()


@pytest.mark.parametrize("samples", [2, 7, MANY])
@pytest.mark.parametrize("broken", [None, 0, 1, -1])
def test_survey(samples: int, broken: int | None) -> None:
    """What is found of R, wherever the one value that is not finite stands, if any."""
    rng = np.random.default_rng(samples)
    n = 9
    signal = thinned(rng, matrix(rng, samples, n))
    if broken is not None:
        signal[broken, 4] = np.inf
    spoken, totals = np.full(samples, -7), np.full(samples * n, np.nan, F)
    assert minibatch.survey(signal.ravel(), n, samples, spoken, totals) == (broken is None)
    if broken is None:
        np.testing.assert_array_equal(spoken, (signal != 0).sum(axis=1))
        np.testing.assert_allclose(totals[:n], signal.sum(axis=0, dtype=np.float64), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("samples", [2, 7, MANY])
@pytest.mark.parametrize("known", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("kind", ["linear", "tanh", "relu"])
@pytest.mark.parametrize("unit", [0.0, 0.3])
def test_errors_of_a_mini_batch(samples: int, known: float, kind: str, unit: float) -> None:
    """Made from messages, or taken as they are; with f' for those samples whose O is known. In units if there are any,
    of the wires and of all messages but the first."""
    rng = np.random.default_rng(samples)
    n, n_target, there = 5, 17, int(known * samples)
    message, feedback = matrix(rng, samples, n), matrix(rng, n, n_target)
    output = thinned(rng, np.tanh(matrix(rng, there, n_target)))
    transfer, made, taken = np.int64(Transfer[kind.upper()]), *np.full((2, samples, n_target), np.nan, F)
    units = np.arange(samples, dtype=F)
    error = message @ feedback * (F(unit) * np.maximum(units, 1)[:, None] if unit else F(1))
    minibatch.make_error(
        message.ravel(), n, feedback.ravel(), n_target, F(unit), units, transfer, output.ravel(), made.reshape(-1),
        samples,
    )  # fmt: skip
    minibatch.take_error(error.ravel(), transfer, output.ravel(), taken.reshape(-1), samples)
    slope = {"linear": np.ones_like(output), "tanh": 1 - output**2, "relu": (output > 0).astype(F)}[kind]
    error[:there] *= slope
    np.testing.assert_allclose(made, error, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(taken, error, rtol=1e-5, atol=1e-5)


@settings(max_examples=60)
@given(st.integers(1, 9), st.integers(1, 70), st.integers(1, 150), st.floats(0, 1), st.integers(0, 2**32))
def test_add_sparse(rows: int, inner: int, n: int, share: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, b, out = thinned(rng, matrix(rng, rows, inner), share), matrix(rng, inner, n), matrix(rng, rows, n)
    expected = out + x.astype(np.float64) @ b
    minibatch.add_sparse(x.ravel(), inner, rows, inner, *with_gaps(b), n, out.reshape(-1), room(rows, inner))
    np.testing.assert_allclose(out, expected, rtol=1e-5, atol=1e-5)


@settings(max_examples=60)
@given(*[st.integers(1, 40)] * 2, st.integers(1, 300), st.booleans(), st.booleans(), st.integers(0, 2**32))
def test_matmul(rows: int, columns: int, inner: int, turned: bool, add: bool, seed: int) -> None:
    rng = np.random.default_rng(seed)
    a, b, before = matrix(rng, rows, inner), matrix(rng, inner, columns), matrix(rng, rows, columns)
    expected = 0.5 * (a.astype(np.float64) @ b) + (before if add else 0)
    left, row_step, step = (np.ascontiguousarray(a.T).ravel(), 1, rows) if turned else (a.ravel(), inner, 1)
    (right, b_stride), (c, c_stride) = with_gaps(b), with_gaps(before if add else np.full_like(before, np.nan))
    minibatch.matmul(left, row_step, step, right, b_stride, rows, inner, columns, F(0.5), int(add), c, c_stride)
    np.testing.assert_allclose(without_gaps(c, c_stride, columns), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("samples", [1, 3, MANY])
def test_messages_are_handed_over(samples: int) -> None:
    rng = np.random.default_rng(samples)
    source = thinned(rng, matrix(rng, samples, 7))
    out, spoken = np.full((samples, 7), np.nan, F), np.full(samples, -7)
    minibatch.hand_over(source.ravel(), 7, samples, out.reshape(-1), spoken)
    np.testing.assert_array_equal(out, source)
    np.testing.assert_array_equal(spoken, (source != 0).sum(axis=1))
