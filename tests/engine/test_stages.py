"""The stages of a channel one by one (threshold, quantizer, noise, bit errors, drop, lateness); and the bits."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from channelsim import codes, hashing
from channelsim.engine.channel import stages
from channelsim.engine.kernels import counter_hash
from channelsim.hashing import Stream
from channelsim.plan import LINK, Encoding, Jitter, Quantizer
from tests import naive
from tests.engine.records import channel, record

F = np.float32
MESSAGES = [[], [0.0], [1.0], [0.0, 0.0], [0.5, -0.5, 0.0, 2.0], [-0.2, 0.2, 0.21, -0.21]]


def keys(purpose: Stream, key: int) -> Any:
    """The keys of a message of which one is known."""
    found = np.zeros(16, np.uint64)
    found[purpose] = key
    return found.view(np.int64)


def shaped(row: Any, source: naive.Floats, residual: naive.Floats, key: int = 0) -> tuple[naive.Floats, Any]:
    index, value, alive = (np.full(len(source) + 32, 9, kind) for kind in (np.int32, F, np.int32))
    sent = np.full(len(source), 9, F)
    offered, entries, events, a, noise_scale = stages.shape(
        row, source, residual, index, value, value.view(np.int32), alive, keys(Stream.ROUNDING, key)
    )
    stages.lay_out(index[:entries], value[:entries], sent)
    np.testing.assert_array_equal(alive[:entries], value[:entries] != 0)
    assert entries == (len(source) if 2 * np.count_nonzero(sent) >= len(source) else events) or events < entries
    return sent, (offered, events, a, noise_scale)


@pytest.mark.parametrize("values", [*MESSAGES, list(np.linspace(-1, 1, 100))], ids=str)
def test_threshold(values: list[float]) -> None:
    source = np.array(values, F)
    row = channel(len(values), has_threshold=1, threshold=0.2)
    sent, (offered, events, _, _) = shaped(row, source, np.zeros_like(source))
    np.testing.assert_array_equal(sent, np.where(np.abs(source) > F(0.2), source, 0))
    assert (offered, events) == (np.count_nonzero(source), np.count_nonzero(sent))


def test_what_was_not_sent_is_added_to_the_next_message() -> None:
    row = channel(3, has_threshold=1, threshold=1.0, residual=1)
    kept, said = np.zeros(3, F), np.zeros(3, F)
    source = np.array([0.4, -0.6, 0.0], F)
    for _ in range(10):
        sent, _ = shaped(row, source, kept)
        assert (np.abs(kept) <= 1.0).all()
        said += sent
    np.testing.assert_allclose(said + kept, 10 * source, rtol=1e-5)


@pytest.mark.parametrize("quantizer", [Quantizer.NONE, Quantizer.LOG2, Quantizer.UNIFORM])
def test_scales_are_of_those_who_speak(quantizer: Quantizer) -> None:
    source = np.array([0.1, 0.5, -2.0, 0.0], F)
    row = channel(4, quantizer, 4, has_threshold=1, threshold=0.2, noise=1.0, noise_scale_kind=2)
    sent, (_, events, a, noise_scale) = shaped(row, source, np.zeros(4, F))
    speaking = np.array([0.5, -2.0], F)
    assert a == (1.0 if quantizer == Quantizer.NONE else 2.0)
    np.testing.assert_allclose(noise_scale, naive.scale("rms", 0, speaking), rtol=1e-6)
    if quantizer != Quantizer.NONE:
        np.testing.assert_array_equal(sent[1:3], naive.quantized(quantizer.name.lower(), 4, a, speaking))
    assert events == 2


CODES = [(Quantizer.NONE, 0), (Quantizer.LOG2, 1), (Quantizer.LOG2, 5), (Quantizer.UNIFORM, 4), (Quantizer.SIGN, 1)]


@pytest.mark.parametrize(("quantizer", "bits"), CODES)
@pytest.mark.parametrize("encoding", list(Encoding))
@pytest.mark.parametrize("n", [1, 2, 7, 64])
def test_message_bits_are_those_of_the_code(quantizer: Quantizer, bits: int, encoding: Encoding, n: int) -> None:
    row = channel(n, quantizer, bits, encoding=encoding, header_bits=3)
    for events in range(n + 1):
        expected, chosen = codes.message_bits(row, events)
        assert stages.message_bits(row, np.int64(events)) == (int(expected), int(chosen))


def received(row: Any, sent: naive.Floats, scale: float = 1.0, noise_scale: float = 1.0) -> Any:
    """(out, alive, (corrupted, flipped, dropped)) of channel 3, seed 5, frame 7, sample 2."""
    out, alive, word = np.zeros_like(sent), np.zeros(len(sent), bool), np.zeros(1, F)
    index, value = naive.events_of(sent)
    roots = np.array([hashing.root(5, purpose + 64 * 3) for purpose in range(16)], np.uint64).view(np.int64)
    drawn = np.zeros(16, np.int64)
    counter_hash.keys_of(roots, np.int64(7), np.int64(2), drawn)
    events, room = len(index), len(index) + 32
    index, value = np.resize(index, room), np.resize(value, room)
    value[events:] = 0
    left = (value != 0).astype(np.int32)
    counts = stages.receive(
        row,
        *stages.bounds(row),
        drawn,
        events,
        events,
        index,
        value,
        left,
        F(scale),
        F(noise_scale),
        np.zeros(room, np.int32),
        word,
    )
    assert not left[events:].any()
    alive[index[:events]] = left[:events]
    out[index[:events]] = np.where(left[:events], value[:events], 0)
    return out, alive, counts


def draws(stream: Stream, n: int) -> Any:
    return hashing.bits(hashing.key(5, stream.of(3), 7, 2), n)


SENT = np.where(np.arange(200) % 4 == 0, 0, np.linspace(-1, 1, 200)).astype(F)
SPEAKS = SENT != 0


def test_an_ideal_channel_hands_over() -> None:
    out, alive, counts = received(channel(200), SENT)
    np.testing.assert_array_equal(out, SENT)
    np.testing.assert_array_equal(alive, SPEAKS)
    assert counts == (0, 0, 0)


@pytest.mark.parametrize("probability", [0.3, 1.0])
def test_drop(probability: float) -> None:
    _, alive, (_, _, dropped) = received(channel(200, drop=probability), SENT)
    survives = SPEAKS & (hashing.uniform(draws(Stream.DROP, 200)) >= probability)
    np.testing.assert_array_equal(alive, survives)
    assert dropped == SPEAKS.sum() - survives.sum()


def test_noise_is_added_to_events_only() -> None:
    out, alive, _ = received(channel(200, noise=0.5), SENT, noise_scale=2.0)
    expected = SENT + 0.5 * 2.0 * hashing.normal(draws(Stream.NOISE, 200))
    np.testing.assert_allclose(out[SPEAKS], expected[SPEAKS], rtol=1e-5, atol=1e-6)
    assert not out[~SPEAKS].any() and not alive[~SPEAKS].any()


@pytest.mark.parametrize("probability", [0.02, 0.5])
def test_bit_errors(probability: float) -> None:
    scale = F(0.9)
    row = channel(200, Quantizer.UNIFORM, 3, bit_error=probability)
    sent = naive.quantized("uniform", 3, scale, SENT)
    out, alive, (corrupted, flipped, _) = received(row, sent, scale=scale)
    key, speaks = hashing.key(5, Stream.BIT_ERRORS.of(3), 7, 2), sent != 0
    expected, valid, flips = sent.copy(), speaks.copy(), 0
    for i in np.flatnonzero(speaks):
        uniforms = hashing.uniform(hashing.bits(key, np.arange(64) + 64 * int(i)))
        positions = naive.flipped_positions(uniforms, probability, 3)
        word = int(codes.encode(sent[i], scale, row)[0]) ^ sum(1 << p for p in positions)
        value, means = codes.decode(np.array([word], np.uint32), scale, row)
        expected[i], valid[i] = value[0], means[0]
        flips += len(positions)
    np.testing.assert_array_equal(alive, valid)
    np.testing.assert_array_equal(out[valid], expected[valid])
    assert (corrupted, flipped) == (speaks.sum() - valid.sum(), flips)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.booleans(), min_size=1, max_size=12),
    st.sampled_from([Encoding.DENSE, Encoding.AER]),
    st.sampled_from([(Quantizer.NONE, 0), (Quantizer.SIGN, 1), (Quantizer.LOG2, 4)]),
    st.fractions(Fraction(1, 9), 9, max_denominator=9),
    st.integers(0, 400),
)
@example([True, False, True], Encoding.DENSE, (Quantizer.SIGN, 1), Fraction(1), 54)  # late by its bit for silence
def test_late_events_are_those_whose_last_bit_comes_after_the_deadline(
    speaks: list[bool], encoding: Encoding, code: tuple[Quantizer, int], ps_a_bit: Fraction, due: int
) -> None:
    n, start, delay = len(speaks), 11, 5
    row = channel(n, *code, encoding=encoding, header_bits=2)
    link = record(LINK, ps_numerator=ps_a_bit.numerator, ps_denominator=ps_a_bit.denominator)
    sent = np.where(speaks, F(1), F(0))
    index, events = naive.events_of(sent)[0], int(sum(speaks))
    alive = np.ones(events, np.int32)
    word = int(row["value_bits"])
    width = int(row["address_bits"]) + word
    if encoding == Encoding.DENSE:
        width = word + (int(row["silence_bits"]) if events < n else 0)
    bits, expected = 2 + int(row["scale_bits"]), []
    for speaking in speaks:
        bits += width if speaking or encoding == Encoding.DENSE else 0
        expected.append(speaking and start + naive.occupation(bits, ps_a_bit) + delay <= due)
    late = stages.lose_late(
        row, link, np.int64(events), index, alive, np.int64(start), np.int64(delay), np.int64(due), np.int64(encoding)
    )
    assert alive.tolist() == [int(expected[i]) for i in index]
    assert late == events - sum(expected)


@pytest.mark.parametrize("distribution", [Jitter.NONE, Jitter.UNIFORM, Jitter.EXPONENTIAL])
def test_jitter(distribution: Jitter) -> None:
    row = channel(4, jitter_kind=distribution, jitter=1000)
    for frame in range(50):
        key = hashing.key(1, Stream.JITTER.of(2), frame)
        u = float(hashing.uniform(hashing.bits(key, 1))[0])
        expected = [0, math.floor(u * 1000), math.floor(-1000 * math.log(1.0 - u))][distribution]
        assert stages.jitter(row, keys(Stream.JITTER, key)) == expected


@pytest.mark.parametrize("encoding", [Encoding.DENSE, Encoding.AER])
@pytest.mark.parametrize("values", [[0, 0, 0], [0, 1, 1], [1, 1, 1]], ids=str)
def test_first_event(encoding: Encoding, values: list[int]) -> None:
    row, sent = channel(3, header_bits=4, encoding=encoding), np.array(values, F)
    events = sum(values)
    if encoding == Encoding.AER:
        expected = 4 + (2 + 32 if events else 0)
    else:
        expected = 4 + 32 * (values.index(1) + 1 if events else 3)
    assert stages.first_event(row, sent, np.int64(encoding), np.int64(events)) == expected


@pytest.mark.parametrize(("rescale", "divisor"), [(0, 1.0), (1, 0.75)])
def test_deliver(rescale: int, divisor: float) -> None:
    row = channel(5, drop=0.25, rescale=rescale)
    index, value, alive = np.array([0, 2, 3], np.int32), np.array([1.0, 2.0, -3.0], F), np.array([1, 0, 1], np.int32)
    expected = np.array([1.0, 0.0, 0.0, -3.0, 0.0], F) / F(divisor)
    out = np.full(5, np.nan, F)
    assert stages.deliver(row, index, value, alive, out) == 2
    np.testing.assert_array_equal(out, expected)
    whole = np.array([1.0, 7.0, 2.0, -3.0, 0.0], F), np.array([1, 0, 0, 1, 0], np.int32)
    assert stages.deliver(row, np.arange(5, dtype=np.int32), *whole, out) == 2
    np.testing.assert_array_equal(out, expected)


@pytest.mark.parametrize("x", [[], [0.0], [3.0], [0, 0, 0], [0, -1, 0, 2], [np.nan, 0, np.inf], [1, 0] * 40], ids=str)
def test_compact_and_lay_out(x: list[float]) -> None:
    values = np.array(x, F)
    index, value = np.full(len(x), -1, np.int32), np.zeros(len(x), F)
    count = stages.compact(values, index, value)
    expected_index, expected_value = naive.events_of(values)
    np.testing.assert_array_equal(index[:count], expected_index)
    np.testing.assert_array_equal(value[:count], expected_value)
    out = np.full(len(x), 9, F)
    stages.lay_out(index[:count], value[:count], out)
    np.testing.assert_array_equal(out, values)


def test_forget_silent() -> None:
    sent = np.zeros(2 * stages.VECTOR, F)
    sent[[2, 4, 9, 15]] = 2.0, np.nan, -1.0, 3.0
    index, listed = np.arange(len(sent), dtype=np.int32), np.zeros(len(sent), np.int32)
    value, alive = sent.copy(), (sent != 0).astype(np.int32)
    assert stages.forget_silent(index, value, alive, np.int64(len(sent)), listed) == 4
    assert listed[:4].tolist() == [2, 4, 9, 15]
    np.testing.assert_array_equal(value[:4], [2.0, np.nan, -1.0, 3.0])
    # what is worked on with them, up to a whole vector, is silent: it must not be hit by bit errors, nor counted
    assert alive[:16].tolist() == [1] * 4 + [0] * 12
    assert not value[4:16].any()


def test_streams_of_the_stages_carry_the_channel() -> None:
    assert hashing.key(5, Stream.DROP.of(3), 7, 2) == int(
        counter_hash.key(np.int64(5), counter_hash.DROP + 64 * 3, np.int64(7), np.int64(2))
    )
