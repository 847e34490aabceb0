"""The compiled hash is `channelsim.hashing`, draw for draw."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from channelsim import hashing, normals
from channelsim.engine.kernels import counter_hash as inner_counter_hash
from channelsim.engine.kernels import simd
from tests.engine.compiled import compiled, compiled_module
from tests.ordered_sums import assert_same_bits

counter_hash = compiled_module(inner_counter_hash)

COUNTER = st.integers(0, 2**63 - 2)


@settings(max_examples=200)
@given(COUNTER, COUNTER, COUNTER, COUNTER, COUNTER)
def test_keys_and_words(seed: int, stream: int, frame: int, sample: int, index: int) -> None:
    expected = hashing.key(seed, stream, frame, sample)
    key = counter_hash.key(np.int64(seed), np.int64(stream), np.int64(frame), np.int64(sample))
    assert int(key) == expected
    word = hashing.bits(expected, np.array([index]))
    assert int(counter_hash.word(np.uint64(key), np.int64(index))) == int(word[0])


@settings(max_examples=200)
@given(st.integers(0, 2**64 - 1))
def test_numbers_made_of_a_word(word: int) -> None:
    words = np.array([word], np.uint64)
    assert counter_hash.uniform(words[0]) == hashing.uniform(words)[0]


@compiled
def noise(key: int, index: np.ndarray, out: np.ndarray) -> None:
    simd.add_noise(key, np.float32(1.0), index, out)


@compiled
def draw_normals(key: int, first: int, out: np.ndarray) -> None:
    simd.draw_normals(inner_counter_hash.key_from(key, first), out)


@pytest.mark.parametrize("first", [0, 3, (5 << 40) + 17])
@pytest.mark.parametrize("n", [1, 16, 100_001])
def test_normals_in_a_row(n: int, first: int) -> None:
    out, key = np.zeros(n, np.float32), hashing.key(3, 5)
    draw_normals(np.uint64(key).view(np.int64), np.int64(first), out)
    assert_same_bits(out, normals.normal32(hashing.bits(key, first + np.arange(n))))


@pytest.mark.parametrize("listed", [True, False])
def test_noise_of_the_numbers_in_a_list(listed: bool) -> None:
    n = 100_001
    out, index, key = np.zeros(n, np.float32), np.arange(1, 2 * n, 2, dtype=np.int32), hashing.key(3, 5)
    noise(np.uint64(key).view(np.int64), index if listed else index[:0], out)
    assert_same_bits(out, normals.normal32(hashing.bits(key, index if listed else n)))


@pytest.mark.parametrize("probability", [0.0, 2.0**-53, 0.1, 0.5, 1 / 3, 1 - 2.0**-53, 1.0])
def test_a_word_is_below_a_bound_where_its_uniform_number_is_below_the_probability(probability: float) -> None:
    middle = min(int(probability * 2**53), 2**53 - 1)
    words = np.array([max(middle + k, 0) for k in (-2, -1, 0, 1, 2) if middle + k < 2**53], np.uint64) << np.uint64(11)
    for word, u in zip(words, hashing.uniform(words), strict=True):
        assert bool(counter_hash.is_below(word, counter_hash.bound(probability))) == (u < probability)


def test_streams_are_those_of_the_plan() -> None:
    for name in ("ROUNDING", "NOISE", "BIT_ERRORS", "DROP", "JITTER", "ARRIVALS", "UPDATE_ROUNDING", "WEIGHT_ROUNDING"):
        assert getattr(counter_hash, name) == hashing.Stream[name].of()


def test_there_is_room_for_the_key_of_every_stream() -> None:
    assert max(hashing.Stream) < counter_hash.PURPOSES
