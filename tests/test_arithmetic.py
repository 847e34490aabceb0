"""The arithmetic code: what was coded comes back, whatever follows it, in about as many bits as its entropy."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from channelsim import arithmetic


@st.composite
def messages(draw: st.DrawFn) -> tuple[list[int], int]:
    """Units and the number of magnitudes; of few or many kinds, rare or frequent."""
    levels = draw(st.one_of(st.integers(1, 9), st.sampled_from([15, 16, 32, 127, 32767])))
    some = st.one_of(st.sampled_from([0, 1, -1, levels, -levels]), st.integers(-levels, levels))
    few = draw(st.lists(some, min_size=1, max_size=6))
    turns = draw(st.lists(st.tuples(st.sampled_from(few), st.integers(1, 60)), max_size=12))
    return [unit for unit, times in turns for _ in range(times)], levels


@settings(max_examples=300)
@given(messages(), st.lists(st.integers(0, 1), max_size=40))
def test_what_was_coded_comes_back_whatever_follows(message: tuple[list[int], int], rest: list[int]) -> None:
    units, levels = message
    bits = arithmetic.encode(units, levels)
    assert arithmetic.decode(bits, len(units), levels) == units
    assert arithmetic.decode(bits + rest, len(units), levels) == units
    assert len(bits) <= arithmetic.most_bits(len(units), levels)


@pytest.mark.parametrize("levels", [1, 2, 3, 4, 7, 8])
def test_a_long_message_takes_about_its_entropy(levels: int) -> None:
    """Up to 8 magnitudes each has contexts of its own: what is left are the bits that these cost to learn."""
    n, rng = 20_000, np.random.default_rng(levels)
    shares = rng.dirichlet(np.full(2 * levels + 1, 0.5))
    units = (rng.choice(2 * levels + 1, n, p=shares) - levels).tolist()
    counts = Counter(units)
    entropy = -sum(count * math.log2(count / n) for count in counts.values())
    learning = len(counts) * math.log2(n)
    assert entropy <= len(arithmetic.encode(units, levels)) <= 1.001 * entropy + learning


def test_silence_costs_next_to_nothing() -> None:
    assert len(arithmetic.encode([0] * 1000, 8)) < 10
    assert arithmetic.encode([], 3) == []


def test_counts_are_halved_before_they_overflow() -> None:
    """A source that changes after a long time is learned anew: old counts weigh less and less."""
    first, then = [1] * 50_000, [-1] * 50_000
    bits = arithmetic.encode(first + then, 1)
    assert arithmetic.decode(bits, 100_000, 1) == first + then
    assert len(bits) < 100_000
