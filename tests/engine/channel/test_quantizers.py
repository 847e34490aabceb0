"""Quantizers and code words against their formulas and against `channelsim.codes`."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from channelsim import codes, hashing
from channelsim.engine.channel import quantizers as inner_quantizers
from channelsim.engine.kernels import counter_hash as inner_counter_hash
from channelsim.plan import Quantizer, Scale
from tests import naive
from tests.engine.compiled import compiled_module
from tests.engine.records import channel

quantizers = compiled_module(inner_quantizers)
counter_hash = compiled_module(inner_counter_hash)

F = np.float32
KINDS = [
    *(("log2", levels) for levels in (1, 2, 3, 8, 16, 32)),
    *(("uniform", levels) for levels in (1, 3, 127, 32767)),
    ("sign", 1),
    ("ternary", 1),
]
EACH_KIND = pytest.mark.parametrize(("kind", "levels"), KINDS, ids=[f"{kind}-{levels}" for kind, levels in KINDS])
EDGES = [
    [],
    [0.7],
    [-0.7],
    [0.0],
    [0.0, 0.0, 0.0],
    [0.25] * 5,
    [-1.0, 1.0],
    [1.0, 0.5, 0.25, 0.125, 0.0625, 1e-3, 1e-6],
    [1e-30, -1e-30, 0.0, 2e-30],
    [3e38, -1e38, 1.0],
]


def quantized(kind: str, levels: int, a: np.float32, values: naive.Floats, key: int | None = None) -> naive.Floats:
    out = values.copy()
    number, words = np.int64(Quantizer[kind.upper()]), out.view(np.int32)
    quantizers.quantize(
        number, np.int64(levels), a, np.uint8(key is not None), np.uint64(key or 0), words[:0], out, words
    )
    return out


@EACH_KIND
@pytest.mark.parametrize("values", EDGES, ids=str)
@pytest.mark.parametrize("scale", ["max", "rms", "fixed"])
def test_edges(kind: str, levels: int, values: list[float], scale: str) -> None:
    message = np.array(values, F)
    a = naive.scale(scale, 0.3, message)
    np.testing.assert_array_equal(quantized(kind, levels, a, message), naive.quantized(kind, levels, a, message))


@EACH_KIND
@settings(max_examples=30)
@given(st.integers(0, 2**32), st.integers(1, 50))
def test_random_messages(kind: str, levels: int, seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    message = (rng.normal(size=n) * (rng.random(n) < 0.8)).astype(F)
    a = naive.scale("max", 0, message)
    np.testing.assert_array_equal(quantized(kind, levels, a, message), naive.quantized(kind, levels, a, message))


@pytest.mark.parametrize(("levels", "level"), [(7, 4), (15, 8)])
def test_half_of_the_scale_is_half_of_the_levels_rounded_to_even(levels: int, level: int) -> None:
    """v K / a in this order: 3.5 and 7.5, which v / (a / K) may miss by the last digit."""
    assert quantized("uniform", levels, F(1), np.array([0.5, -0.5], F)).tolist() == [
        level * F(1 / F(levels)), -level * F(1 / F(levels)),
    ]  # fmt: skip


@pytest.mark.parametrize("levels", [1, 15, 32767])
def test_stochastic_rounding_draws_from_the_hash_and_is_right_on_average(levels: int) -> None:
    key = hashing.key(7, 4, 3, 2)
    message = np.linspace(-1, 1, 101, dtype=F)
    out = quantized("uniform", levels, F(1), message, key)
    draws = hashing.uniform32(hashing.bits(key, len(message)))
    np.testing.assert_array_equal(out, naive.quantized("uniform", levels, F(1), message, draws))
    events = message[::2].copy()
    quantizers.quantize(
        np.int64(Quantizer.UNIFORM), np.int64(levels), F(1), np.uint8(1), np.uint64(key),
        np.arange(0, 101, 2, dtype=np.int32), events, events.view(np.int32),
    )  # fmt: skip
    np.testing.assert_array_equal(events, out[::2])
    many = [quantized("uniform", levels, F(1), message, hashing.key(7, 4, k)) for k in range(2000)]
    means = np.mean(many, axis=0, dtype=np.float64)
    step = 1 / levels
    np.testing.assert_allclose(means, message, atol=5 * step / np.sqrt(4 * 2000))


@pytest.mark.parametrize("values", [*EDGES, [np.inf, 1.0], [-np.inf]], ids=str)
@pytest.mark.parametrize("scale", ["max", "rms", "fixed"])
def test_measure(values: list[float], scale: str) -> None:
    message = np.array(values, F)
    a = quantizers.measure(np.int64(Scale[scale.upper()]), F(0.3), message, np.count_nonzero(message))
    with np.errstate(over="ignore"):
        np.testing.assert_allclose(a, naive.scale(scale, 0.3, message), rtol=1e-6)


@EACH_KIND
def test_the_silence_word_is_that_of_the_code(kind: str, levels: int) -> None:
    row = channel(4, Quantizer[kind.upper()], levels)
    assert quantizers.silence_word(row) == codes.silence_word(row)


# --- code words ------------------------------------------------------------------------------------------

SCALE = F(0.37)


def decoded(kind: str, levels: int, word: int) -> np.float32:
    scratch = np.zeros(1, F)
    return quantizers.decode(
        np.int64(Quantizer[kind.upper()]), np.int64(levels), SCALE, np.int64(word), scratch, scratch.view(np.int32)
    )


@EACH_KIND
def test_every_word_means_what_the_code_says(kind: str, levels: int) -> None:
    row = channel(4, Quantizer[kind.upper()], levels)
    words = np.arange(2 ** int(row["value_bits"]), dtype=np.uint32)
    words = words if len(words) <= 512 else np.concatenate([words[:256], words[-256:]])
    values, valid = codes.decode(words, SCALE, row)
    found = np.array([decoded(kind, levels, word) for word in words.tolist()])
    np.testing.assert_array_equal(np.isnan(found), ~valid)
    np.testing.assert_array_equal(found[valid], values[valid])


@EACH_KIND
def test_words_of_sent_values(kind: str, levels: int) -> None:
    row = channel(4, Quantizer[kind.upper()], levels)
    values = quantized(kind, levels, SCALE, np.linspace(-0.4, 0.4, 200, dtype=F))
    values = values[values != 0]
    scratch = np.zeros(1, F)
    found = [
        quantizers.encode(np.int64(row["quantizer"]), np.int64(levels), SCALE, v, scratch, scratch.view(np.int32))
        for v in values
    ]
    np.testing.assert_array_equal(found, codes.encode(values, SCALE, row))


@settings(max_examples=200)
@given(st.integers(0, 2**32 - 1))
def test_floats_are_their_bits(word: int) -> None:
    value, valid = codes.decode(np.array([word], np.uint32), 1.0, channel(4))
    scratch = np.zeros(1, F)
    found = quantizers.decode(np.int64(0), np.int64(0), F(1), np.int64(word), scratch, scratch.view(np.int32))
    assert (found == value[0]) if valid[0] else np.isnan(found)
    if valid[0]:
        assert quantizers.encode(np.int64(0), np.int64(0), F(1), F(found), scratch, scratch.view(np.int32)) == word


@pytest.mark.parametrize(("kind", "levels"), [("none", 0), ("log2", 3), ("uniform", 127), ("sign", 1), ("ternary", 1)])
@pytest.mark.parametrize("probability", [0.01, 0.5, 1.0])
def test_flipped_bits_are_those_of_the_hash(kind: str, levels: int, probability: float) -> None:
    row = channel(64, Quantizer[kind.upper()], levels, bit_error=probability)
    values = np.linspace(0.2, 0.37, 64).astype(F)
    sent = values if kind == "none" else quantized(kind, levels, SCALE, values)
    key, scratch, width = hashing.key(1, 2, 3, 4), np.zeros(1, F), int(row["value_bits"])
    words = codes.encode(sent, SCALE, row)
    for neuron, (value, word) in enumerate(zip(sent, words.tolist(), strict=True)):
        uniforms = hashing.uniform(hashing.bits(key, np.arange(64) + 64 * neuron))
        positions = naive.flipped_positions(uniforms, probability, width)
        meant, valid = codes.decode(np.array([word ^ sum(1 << p for p in positions)], np.uint32), SCALE, row)
        found, flips = quantizers.flip(
            np.int64(row["quantizer"]), np.int64(levels), SCALE, np.int64(width), np.int64(-1), value, np.uint64(key),
            np.int64(neuron), 1.0 - probability, counter_hash.bound(float(row["word_error"])), scratch,
            scratch.view(np.int32),
        )  # fmt: skip
        assert flips == len(positions)
        assert (found == meant[0]) if valid[0] else np.isnan(found)


@EACH_KIND
@pytest.mark.parametrize("scale", ["max", "rms", "fixed"])
def test_values_are_whole_multiples_of_the_unit(kind: str, levels: int, scale: str) -> None:
    message = np.random.default_rng(levels).normal(size=500).astype(F)
    a = naive.scale(scale, 0.3, message)
    unit = F(quantizers.unit(np.int64(Quantizer[kind.upper()]), np.int64(levels), a))
    values = quantized(kind, levels, a, message)
    counts = np.rint(values / unit)
    assert np.count_nonzero(counts) == np.count_nonzero(values)
    np.testing.assert_array_equal(counts * unit, values)
