"""The compiled hash is `channelsim.hashing`, draw for draw."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from channelsim import hashing
from channelsim.engine import _hash

COUNTER = st.integers(0, 2**63 - 2)


@settings(max_examples=200, deadline=None)
@given(COUNTER, COUNTER, COUNTER, COUNTER, COUNTER)
def test_keys_and_words(seed: int, stream: int, frame: int, sample: int, index: int) -> None:
    expected = hashing.key(seed, stream, frame, sample)
    key = _hash.key(np.int64(seed), np.int64(stream), np.int64(frame), np.int64(sample))
    assert int(key) == expected
    word = hashing.bits(expected, np.array([index]))
    assert int(_hash.word(np.uint64(key), np.int64(index))) == int(word[0])


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 2**64 - 1))
def test_numbers_made_of_a_word(word: int) -> None:
    words = np.array([word], np.uint64)
    assert _hash.uniform(words[0]) == hashing.uniform(words)[0]
    assert _hash.uniform32(words[0]) == hashing.uniform32(words)[0]


def test_normals_are_near_those_of_the_logarithm_and_cosine() -> None:
    n = 100_000
    out, exponent = np.zeros(n), np.zeros(n, np.int64)
    _hash.normals(np.uint64(hashing.key(3, 5)), out, out.view(np.int64), exponent)
    np.testing.assert_allclose(out, hashing.normal(hashing.bits(hashing.key(3, 5), n)), rtol=0.0, atol=1e-9)


def test_streams_are_those_of_the_plan() -> None:
    for name in ("ROUNDING", "NOISE", "BIT_ERRORS", "DROP", "JITTER", "ARRIVALS", "UPDATE_ROUNDING", "WEIGHT_ROUNDING"):
        assert getattr(_hash, name) == hashing.Stream[name].of()
