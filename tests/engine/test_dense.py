"""Row kernels and products against plain NumPy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from channelsim.engine.kernels import minibatch, single
from channelsim.engine.layers import dense
from channelsim.plan import Transfer
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
    """A matrix as a flat buffer whose rows have gaps between them (not a number: to be left alone), and its pitch."""
    gaps = np.full((len(values), 3), np.nan, F)
    rows = np.hstack([values, gaps])
    return rows.reshape(-1), rows.shape[1]


def without_gaps(flat: naive.Floats, pitch: int, n: int) -> naive.Floats:
    """The matrix of n columns in such a buffer."""
    rows = flat.reshape(-1, pitch)
    assert np.isnan(rows[:, n:]).all()
    return rows[:, :n]


def thinned(rng: np.random.Generator, x: naive.Floats, share: float = 0.5) -> naive.Floats:
    return np.where(rng.random(x.shape) < share, x, F(0))


@settings(max_examples=60, deadline=None)
@given(SHAPES, st.integers(0, 2**32))
def test_add_rows(shape: tuple[int, int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows, n = shape
    weights, index, out = matrix(rng, rows, n), chosen(rng, rows), matrix(rng, n)
    value = matrix(rng, len(index))
    expected = out + naive.sum_of_rows(weights, index, value)
    single.add_rows(*with_gaps(weights), index, value, out)
    np.testing.assert_allclose(out, expected, **CLOSE)


@settings(max_examples=60, deadline=None)
@given(SHAPES, st.integers(0, 2**32))
def test_an_update_that_waited_equals_one_made_at_once(shape: tuple[int, int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows, n = shape
    weights, old, now = matrix(rng, rows, n), matrix(rng, rows), chosen(rng, rows)
    step, value, out = matrix(rng, n), matrix(rng, len(now)), np.zeros(n, F)
    grown = naive.updated_rows(weights, now, old, step)
    expected, left = naive.sum_of_rows(grown, now, value), np.where(np.isin(np.arange(rows), now), F(0), old)
    flat, pitch = with_gaps(weights)
    single.update_and_add_rows(flat, pitch, now, value, step, old, out)
    np.testing.assert_allclose(out, expected, **CLOSE)
    np.testing.assert_allclose(without_gaps(flat, pitch, n), grown, **CLOSE)
    np.testing.assert_array_equal(old, left)
    grown = naive.updated_rows(without_gaps(flat, pitch, n), np.arange(rows), old, step)
    single.update_rows(flat, pitch, step, old, np.zeros(rows, np.int32), np.zeros(rows, F))
    np.testing.assert_allclose(without_gaps(flat, pitch, n), grown, **CLOSE)
    assert not old.any()


@settings(max_examples=60, deadline=None)
@given(SHAPES, st.integers(1, 6), st.integers(0, 2**32))
def test_rows_that_wait_for_steps_of_their_own(shape: tuple[int, int], count: int, seed: int) -> None:
    """Some are brought up to date as they are read, others by their numbers, the rest by the step they wait for."""
    rng = np.random.default_rng(seed)
    rows, n = shape
    weights, now, more = matrix(rng, rows, n), chosen(rng, rows), chosen(rng, rows)
    steps, at = matrix(rng, count, n), rng.integers(count, size=rows).astype(np.int32)
    old, value, out = thinned(rng, matrix(rng, rows)), matrix(rng, len(now)), np.zeros(n, F)
    grown = weights + old[:, None] * steps[at]
    first = int(rng.integers(count))
    (flat, pitch), (steps_flat, step_pitch) = with_gaps(weights), with_gaps(steps)
    waiting = steps_flat, step_pitch, at, old
    room = np.zeros(rows + 16, np.int32), np.zeros(rows + 16, F)

    single.catch_up_and_add_rows(flat, pitch, now, value, *waiting, out)
    np.testing.assert_allclose(out, naive.sum_of_rows(grown, now, value), **CLOSE)
    assert not old[now].any()
    single.catch_up_rows(flat, pitch, more, *waiting, n, *room)
    assert not old[more].any()
    left = np.where(at >= first, F(0), old)
    single.catch_up_steps(flat, pitch, first, count, *waiting, n, *room)
    np.testing.assert_array_equal(old, left)
    single.catch_up_steps(flat, pitch, 0, first, *waiting, n, *room)
    np.testing.assert_allclose(without_gaps(flat, pitch, n), grown, **CLOSE)
    assert not old.any()


@settings(max_examples=40, deadline=None)
@given(SHAPES, st.integers(0, 2**32))
def test_dot_rows(shape: tuple[int, int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows, n = shape
    weights, message, out = matrix(rng, rows, n), matrix(rng, n), np.zeros(rows, F)
    single.dot_rows(*with_gaps(weights), message, out)
    np.testing.assert_allclose(out, weights.astype(np.float64) @ message, **CLOSE)


@pytest.mark.parametrize("n", [0, 1, 7, 16])
def test_add_scaled(n: int) -> None:
    values, out = np.arange(n, dtype=F), np.ones(n, F)
    single.add_scaled(F(0.5), values, out)
    np.testing.assert_array_equal(out, 1 + 0.5 * np.arange(n, dtype=F))


def room(samples: int, widest: int) -> np.ndarray:
    """For the lists of a mini-batch."""
    return np.full(minibatch.list_room(samples, widest), -1, np.int32)


@pytest.mark.parametrize("samples", [1, 7, MANY, (minibatch.MOST_ROW_PARTS + 1) * minibatch.PART_SAMPLES])
@pytest.mark.parametrize("sparse", [True, False])
@pytest.mark.parametrize("copied", [True, False])
@pytest.mark.parametrize("kind", ["linear", "tanh", "softmax"])
@pytest.mark.parametrize("fan_in", [11, 3 * minibatch.PART_ROWS + 7])
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
        out.reshape(-1), np.int64(samples), spoken, np.full(minibatch.partial_room(samples, fan_in, n), np.nan, F),
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
    needed = [(minibatch.row_parts(samples, fan_in) - 1) * samples * 3 for samples in range(1, batch + 1)]
    assert minibatch.partial_room(batch, fan_in, 3) == max(needed)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 6), SHAPES, st.integers(0, 2**32))
def test_samples_of_a_mini_batch_one_by_one(samples: int, shape: tuple[int, int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    fan_in, n = shape
    x, weights, steps = thinned(rng, matrix(rng, samples, fan_in)), matrix(rng, fan_in, n), matrix(rng, samples, n)
    out = matrix(rng, samples, n)
    events = np.zeros(fan_in + 16, np.int32), np.zeros(fan_in + 16, F)
    summed, grown = out + x.astype(np.float64) @ weights, weights + naive.outer_sum(x, steps)
    flat, pitch = with_gaps(weights)
    single.add_each(x.ravel(), samples, fan_in, flat, pitch, n, out.reshape(-1), *events)
    np.testing.assert_allclose(out, summed, rtol=1e-5, atol=1e-5)
    single.grow_each(x.ravel(), samples, fan_in, flat, pitch, n, steps.ravel(), *events)
    np.testing.assert_allclose(without_gaps(flat, pitch, n), grown, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("samples", [1, 7, MANY])
@pytest.mark.parametrize("rows", [3, 11, 70])
def test_update_of_a_mini_batch(samples: int, rows: int) -> None:
    rng = np.random.default_rng(samples)
    n, learning = 5, samples - samples // 3
    x, signal, before = thinned(rng, matrix(rng, samples, rows), 0.1), matrix(rng, samples, n), matrix(rng, rows, n)
    expected = before + naive.outer_sum(x[:learning], signal[:learning])
    (as_sparse, pitch), (as_matrix, _) = with_gaps(before), with_gaps(before)
    given = x.ravel(), signal.ravel(), samples, learning
    active = minibatch.add_outer_sparse(as_sparse, pitch, n, *given, room(samples, rows))
    minibatch.add_outer_matrix(as_matrix, pitch, n, *given, F(1))
    for made in (as_sparse, as_matrix):
        np.testing.assert_allclose(without_gaps(made, pitch, n), expected, rtol=1e-5, atol=1e-5)
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
def test_errors_of_a_mini_batch(samples: int, known: float, kind: str) -> None:
    """Made from messages, or taken as they are; with f' for those samples whose O is known."""
    rng = np.random.default_rng(samples)
    n, n_target, there = 5, 17, int(known * samples)
    message, feedback = matrix(rng, samples, n), matrix(rng, n, n_target)
    output = thinned(rng, np.tanh(matrix(rng, there, n_target)))
    transfer, made, taken = np.int64(Transfer[kind.upper()]), *np.full((2, samples, n_target), np.nan, F)
    error = message @ feedback
    minibatch.make_error(
        message.ravel(), n, feedback.ravel(), n_target, transfer, output.ravel(), made.reshape(-1), samples
    )
    minibatch.take_error(error.ravel(), transfer, output.ravel(), taken.reshape(-1), samples)
    slope = {"linear": np.ones_like(output), "tanh": 1 - output**2, "relu": (output > 0).astype(F)}[kind]
    error[:there] *= slope
    np.testing.assert_allclose(made, error, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(taken, error, rtol=1e-5, atol=1e-5)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 9), st.integers(1, 70), st.integers(1, 150), st.floats(0, 1), st.integers(0, 2**32))
def test_add_sparse(rows: int, inner: int, n: int, share: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, b, out = thinned(rng, matrix(rng, rows, inner), share), matrix(rng, inner, n), matrix(rng, rows, n)
    expected = out + x.astype(np.float64) @ b
    minibatch.add_sparse(x.ravel(), inner, rows, inner, *with_gaps(b), n, out.reshape(-1), room(rows, inner))
    np.testing.assert_allclose(out, expected, rtol=1e-5, atol=1e-5)


@settings(max_examples=60, deadline=None)
@given(*[st.integers(1, 40)] * 2, st.integers(1, 300), st.booleans(), st.booleans(), st.integers(0, 2**32))
def test_matmul(rows: int, columns: int, inner: int, turned: bool, add: bool, seed: int) -> None:
    rng = np.random.default_rng(seed)
    a, b, before = matrix(rng, rows, inner), matrix(rng, inner, columns), matrix(rng, rows, columns)
    expected = 0.5 * (a.astype(np.float64) @ b) + (before if add else 0)
    left, row_step, step = (np.ascontiguousarray(a.T).ravel(), 1, rows) if turned else (a.ravel(), inner, 1)
    (right, b_pitch), (c, c_pitch) = with_gaps(b), with_gaps(before if add else np.full_like(before, np.nan))
    minibatch.matmul(left, row_step, step, right, b_pitch, rows, inner, columns, F(0.5), int(add), c, c_pitch)
    np.testing.assert_allclose(without_gaps(c, c_pitch, columns), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("samples", [1, 3, MANY])
def test_messages_are_handed_over(samples: int) -> None:
    rng = np.random.default_rng(samples)
    source = thinned(rng, matrix(rng, samples, 7))
    out, spoken = np.full((samples, 7), np.nan, F), np.full(samples, -7)
    minibatch.hand_over(source.ravel(), 7, samples, out.reshape(-1), spoken)
    np.testing.assert_array_equal(out, source)
    np.testing.assert_array_equal(spoken, (source != 0).sum(axis=1))


@pytest.mark.parametrize("samples", [1, 3, MANY])
@pytest.mark.parametrize("rows", [6, 45])
def test_through_is_the_transposed_product(samples: int, rows: int) -> None:
    rng = np.random.default_rng(samples)
    w, message = matrix(rng, rows, 5), matrix(rng, samples, 5)
    out, heard = np.full((samples, rows), np.nan, F), np.full(samples, 5, np.int64)
    room = np.empty(w.size, F)
    dense.through(*with_gaps(w), 5, samples, message.ravel(), heard, out.reshape(-1), room)
    np.testing.assert_allclose(out, message @ w.T, **CLOSE)


def test_a_silent_message_makes_no_error() -> None:
    out = np.full(6, np.nan, F)
    dense.through(np.ones(30, F), 5, 5, 1, np.zeros(5, F), np.zeros(1, np.int64), out, np.empty(30, F))
    np.testing.assert_array_equal(out, np.zeros(6, F))
