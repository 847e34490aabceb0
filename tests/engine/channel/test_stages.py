"""The stages of a channel one by one (threshold, quantizer, noise, bit errors, drop, lateness); and the bits."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from channelsim import codes, hashing, normals
from channelsim.engine.channel import stages as inner_stages
from channelsim.engine.kernels import counter_hash as inner_counter_hash
from channelsim.engine.kernels import simd
from channelsim.engine.tables.handles import handle
from channelsim.engine.tables.layouts import MESSAGE
from channelsim.hashing import Stream
from channelsim.plan import CHANNEL, LINK, Encoding, Jitter, Quantizer
from tests import naive
from tests.engine import memory
from tests.engine.compiled import compiled, compiled_module
from tests.engine.records import channel, record

stages = compiled_module(inner_stages)
counter_hash = compiled_module(inner_counter_hash)

F = np.float32
GUARD = 32  # values behind the lists of a message that must stay as they are
MESSAGES = [[], [0.0], [1.0], [0.0, 0.0], [0.5, -0.5, 0.0, 2.0], [-0.2, 0.2, 0.21, -0.21]]


def keys(purpose: Stream, key: int) -> Any:
    """The keys of a message of which one is known."""
    found = np.zeros(16, np.uint64)
    found[purpose] = key
    return found.view(np.int64)


class AtWork:
    """The tables of a message of n units at work, and the handles that compiled code takes."""

    def __init__(self, n: int, row: Any = None, **arrays: Any):
        for name, kind in (("index", np.int32), ("value", F), ("alive", np.int32), ("hits", np.int32)):
            arrays.setdefault(f"message_{name}", np.full(n + GUARD, 9, kind))
        self.n = n
        channels = np.zeros(1, CHANNEL) if row is None else np.array([row], CHANNEL)
        self._net = memory.net(identity=np.arange(n, dtype=np.int32), channels=channels)
        self._memory = memory.memory(**arrays)
        self.net, self.mem = handle(self._net), handle(self._memory)

    @property
    def message(self) -> Any:
        return self._memory.message[0]

    def enter(self, index: Any, value: Any) -> None:
        """The message has these entries; those whose value is not 0 are events."""
        self.message["entries"] = len(index)
        units, values, alive = self.entries()
        units[:], values[:], alive[:] = index, value, value != 0

    def entries(self) -> tuple[Any, Any, Any]:
        """(units, values, whether alive) of the entries, a unit each."""
        entries = int(self.message["entries"])
        lists = self._memory.message_index, self._memory.message_value, self._memory.message_alive
        for name, array in zip(("index", "value", "alive"), lists, strict=True):
            assert (array[self.n :] == 9).all(), name
        index, value, alive = (array[:entries] for array in lists)
        return (index if entries < self.n else np.arange(self.n)), value, alive


encode_message, finish_message = stages.encode, stages.finish
forget_zeros, compact = stages._forget_zeros, compiled(simd.compact)


@compiled
def disturb_message(net: Any, mem: Any, c: int) -> Any:
    inner_stages.set_bounds(mem, net.channels[c])
    return inner_stages.disturb(net, mem, c, True)


def encoded(row: Any, source: naive.Floats, residual: naive.Floats, key: int = 0) -> tuple[naive.Floats, Any]:
    """(what is sent, (offered, events, scale, scale of the noise))."""
    work = AtWork(len(source), row, keys=keys(Stream.ROUNDING, key))
    encode_message(work.net, work.mem, 0, source, residual, True)
    m, (index, value, alive) = work.message, work.entries()
    sent = np.full(len(source), 9, F)
    stages.lay_out(index.astype(np.int32), value, sent)
    np.testing.assert_array_equal(alive, value != 0)
    assert m["events"] == np.count_nonzero(sent)
    entries, events = int(m["entries"]), int(m["events"])
    assert entries == (len(source) if 2 * np.count_nonzero(sent) >= len(source) else events) or events < entries
    return sent, (m["offered"], events, m["scale"], m["noise_scale"])


@pytest.mark.parametrize("values", [*MESSAGES, list(np.linspace(-1, 1, 100))], ids=str)
def test_threshold(values: list[float]) -> None:
    source = np.array(values, F)
    row = channel(len(values), has_threshold=1, threshold=0.2)
    sent, (offered, events, _, _) = encoded(row, source, np.zeros_like(source))
    np.testing.assert_array_equal(sent, np.where(np.abs(source) > F(0.2), source, 0))
    assert (offered, events) == (np.count_nonzero(source), np.count_nonzero(sent))


def test_what_was_not_sent_is_added_to_the_next_message() -> None:
    row = channel(3, has_threshold=1, threshold=1.0, residual=1)
    kept, total = np.zeros(3, F), np.zeros(3, F)
    source = np.array([0.4, -0.6, 0.0], F)
    for _ in range(10):
        sent, _ = encoded(row, source, kept)
        assert (np.abs(kept) <= 1.0).all()
        total += sent
    np.testing.assert_allclose(total + kept, 10 * source, rtol=1e-5)


FEEDS_BACK = [
    (Quantizer.SIGN, 1, 0),
    (Quantizer.TERNARY, 1, 0),
    (Quantizer.UNIFORM, 7, 0),
    (Quantizer.UNIFORM, 7, 1),
    (Quantizer.LOG2, 3, 0),
]


@pytest.mark.parametrize(("quantizer", "levels", "stochastic"), FEEDS_BACK)
@pytest.mark.parametrize("theta", [None, 0.0, 0.3])
@pytest.mark.parametrize("active", [1.0, 0.1])
def test_error_feedback_keeps_what_was_not_sent(
    quantizer: Quantizer, levels: int, stochastic: int, theta: float | None, active: float
) -> None:
    """r = v - Q(v), of all units, those included that send nothing; and v = x + r."""
    n, rng = 70, np.random.default_rng(levels)
    row = channel(n, quantizer, levels, stochastic=stochastic, residual=2)
    row["has_threshold"], row["threshold"] = theta is not None, theta or 0.0
    kept = np.zeros(n, F)
    for _ in range(20):
        source = (rng.normal(size=n) * (rng.random(n) < active)).astype(F)
        v = source + kept
        passes = np.where(np.abs(v) > F(theta or 0.0), v, 0).astype(F)
        sent, (offered, _, a, _) = encoded(row, source, kept)
        assert offered == np.count_nonzero(source)
        assert a == np.abs(passes).max()
        np.testing.assert_array_equal(sent != 0, (sent != 0) & (passes != 0))
        if not stochastic:
            np.testing.assert_array_equal(sent, naive.quantized(quantizer.name.lower(), levels, a, passes))
        np.testing.assert_array_equal(kept, v - sent)


@pytest.mark.parametrize("quantizer", [Quantizer.NONE, Quantizer.LOG2, Quantizer.UNIFORM])
def test_scales_are_of_active_units(quantizer: Quantizer) -> None:
    source = np.array([0.1, 0.5, -2.0, 0.0], F)
    row = channel(4, quantizer, 4, has_threshold=1, threshold=0.2, noise=1.0, noise_scale_kind=2)
    sent, (_, events, a, noise_scale) = encoded(row, source, np.zeros(4, F))
    active = np.array([0.5, -2.0], F)
    assert a == (1.0 if quantizer == Quantizer.NONE else 2.0)
    np.testing.assert_allclose(noise_scale, naive.scale("rms", 0, active), rtol=1e-6)
    if quantizer != Quantizer.NONE:
        np.testing.assert_array_equal(sent[1:3], naive.quantized(quantizer.name.lower(), 4, a, active))
    assert events == 2


CODES = [(Quantizer.NONE, 0), (Quantizer.LOG2, 1), (Quantizer.LOG2, 5), (Quantizer.UNIFORM, 7), (Quantizer.SIGN, 1)]


@pytest.mark.parametrize(("quantizer", "levels"), CODES)
@pytest.mark.parametrize("encoding", [Encoding.DENSE, Encoding.AER, Encoding.AUTO])
@pytest.mark.parametrize("n", [1, 2, 7, 64])
def test_message_bits_are_those_of_the_code(quantizer: Quantizer, levels: int, encoding: Encoding, n: int) -> None:
    row = channel(n, quantizer, levels, encoding=encoding, header_bits=3)
    for events in range(n + 1):
        expected, chosen = codes.message_bits(row, events)
        assert stages.message_bits(row, np.int64(events)) == (int(expected), int(chosen))


def received(
    row: Any, sent: naive.Floats, scale: float = 1.0, noise_scale: float = 1.0, encoding: int = Encoding.DENSE
) -> Any:
    """(out, alive, (corrupted, flipped, dropped)) of channel 3, seed 5, frame 7, sample 2.

    The same, whether the message is a list of its events or of all units.
    """
    found = [disturbed(row, sent, (scale, noise_scale, encoding), is_listed) for is_listed in (True, False)]
    for listed, whole in zip(*found, strict=True):
        np.testing.assert_array_equal(listed, whole)
    return found[0]


def disturbed(row: Any, sent: naive.Floats, fields: tuple[float, float, int], is_listed: bool) -> Any:
    drawn = np.zeros(16, np.int64)
    roots = np.array([hashing.root(5, purpose + 64 * 3) for purpose in range(16)], np.uint64).view(np.int64)
    counter_hash.keys_of(roots, np.int64(7), np.int64(2), drawn)
    work = AtWork(len(sent), row, keys=drawn)
    m, (index, value) = work.message, naive.events_of(sent)
    m["events"] = len(index)
    assert len(index) < len(sent), "else all units are listed anyway"
    if not is_listed:
        index, value = np.arange(len(sent), dtype=np.int32), sent
    m["scale"], m["noise_scale"], m["encoding"] = fields
    work.enter(index, value)
    counts = disturb_message(work.net, work.mem, 0)
    index, value, left = work.entries()
    out, alive = np.zeros_like(sent), np.zeros(len(sent), bool)
    alive[index] = left
    out[index] = np.where(left, value, 0)
    return out, alive, counts


def draws(stream: Stream, n: int) -> Any:
    return hashing.bits(hashing.key(5, stream.of(3), 7, 2), n)


SENT = np.where(np.arange(200) % 4 == 0, 0, np.linspace(-1, 1, 200)).astype(F)
ACTIVE = SENT != 0


def test_an_ideal_channel_hands_over() -> None:
    out, alive, counts = received(channel(200), SENT)
    np.testing.assert_array_equal(out, SENT)
    np.testing.assert_array_equal(alive, ACTIVE)
    assert counts == (0, 0, 0)


@pytest.mark.parametrize("probability", [0.3, 1.0])
def test_drop(probability: float) -> None:
    _, alive, (_, _, dropped) = received(channel(200, drop=probability), SENT)
    survives = ACTIVE & (hashing.uniform(draws(Stream.DROP, 200)) >= probability)
    np.testing.assert_array_equal(alive, survives)
    assert dropped == ACTIVE.sum() - survives.sum()


def test_noise_is_added_to_events_only() -> None:
    out, alive, _ = received(channel(200, noise=0.5), SENT, noise_scale=2.0)
    expected = SENT + F(0.5 * 2.0) * normals.normal32(draws(Stream.NOISE, 200))
    np.testing.assert_array_equal(out[ACTIVE], expected[ACTIVE])
    assert not out[~ACTIVE].any() and not alive[~ACTIVE].any()


@pytest.mark.parametrize("encoding", [Encoding.DENSE, Encoding.AER])
@pytest.mark.parametrize(("kind", "levels"), [("uniform", 3), ("ternary", 1), ("log2", 3), ("log2", 4), ("sign", 1)])
@pytest.mark.parametrize("probability", [0.02, 0.5])
def test_bit_errors(probability: float, kind: str, levels: int, encoding: Encoding) -> None:
    """In a dense message an event that becomes the word of silence is lost; addressed, it is the value 0."""
    scale = F(0.9)
    row = channel(200, Quantizer[kind.upper()], levels, bit_error=probability, encoding=encoding)
    sent = naive.quantized(kind, levels, scale, SENT)
    out, alive, (corrupted, flipped, _) = received(row, sent, scale=scale, encoding=encoding)
    key, active = hashing.key(5, Stream.BIT_ERRORS.of(3), 7, 2), sent != 0
    expected, valid, flips = sent.copy(), active.copy(), 0
    for i in np.flatnonzero(active):
        uniforms = hashing.uniform(hashing.bits(key, np.arange(64) + 64 * int(i)))
        positions = naive.flipped_positions(uniforms, probability, int(row["value_bits"]))
        word = int(codes.encode(sent[i], scale, row)[0]) ^ sum(1 << p for p in positions)
        value, means = codes.decode(np.array([word], np.uint32), scale, row)
        is_silence = encoding == Encoding.DENSE and word == codes.silence_word(row)
        expected[i], valid[i] = value[0], means[0] and not is_silence
        flips += len(positions)
    np.testing.assert_array_equal(alive, valid)
    np.testing.assert_array_equal(out[valid], expected[valid])
    assert (corrupted, flipped) == (active.sum() - valid.sum(), flips)


@settings(max_examples=100)
@given(
    st.lists(st.booleans(), min_size=1, max_size=12),
    st.sampled_from([Encoding.DENSE, Encoding.AER]),
    st.sampled_from([(Quantizer.NONE, 0), (Quantizer.SIGN, 1), (Quantizer.LOG2, 4)]),
    st.fractions(Fraction(1, 9), 9, max_denominator=9),
    st.integers(0, 400),
)
@example([True, False, True], Encoding.DENSE, (Quantizer.SIGN, 1), Fraction(1), 54)  # late by its bit for a zero
def test_late_events_are_those_whose_last_bit_comes_after_the_deadline(
    active: list[bool], encoding: Encoding, code: tuple[Quantizer, int], ps_a_bit: Fraction, due: int
) -> None:
    n, start, delay = len(active), 11, 5
    row = channel(n, *code, encoding=encoding, header_bits=2)
    link = record(LINK, ps_numerator=ps_a_bit.numerator, ps_denominator=ps_a_bit.denominator)
    sent = np.where(active, F(1), F(0))
    index, events = naive.events_of(sent)[0], int(sum(active))
    alive = np.ones(events, np.int32)
    word = int(row["value_bits"])
    width = int(row["address_bits"]) + word
    if encoding == Encoding.DENSE:
        width = word + (int(row["silence_bits"]) if events < n else 0)
    bits, expected = 2 + int(row["scale_bits"]), []
    for is_active in active:
        bits += width if is_active or encoding == Encoding.DENSE else 0
        expected.append(is_active and start + naive.occupation(bits, ps_a_bit) + delay <= due)
    message = record(MESSAGE, events=events, start=start, delay=delay, due=due, encoding=encoding)
    late = stages.lose_late(row, link, message, index, alive)
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
    expected = np.array([1.0, 0.0, 0.0, -3.0, 0.0], F) / F(divisor)
    listed = np.array([0, 2, 3], np.int32), np.array([1.0, 2.0, -3.0], F), np.array([1, 0, 1], np.int32)
    whole = np.full(5, 9, np.int32), np.array([1.0, 7.0, 2.0, -3.0, 0.0], F), np.array([1, 0, 0, 1, 0], np.int32)
    for index, value, alive in (listed, whole):
        work = AtWork(5, row, message_index=index, message_value=value, message_alive=alive)
        work.message["entries"] = len(index)
        out = np.full(5, np.nan, F)
        finish_message(work.net, work.mem, 0, out, True)
        assert work.message["delivered"] == 2
        np.testing.assert_array_equal(out, expected)


def test_an_event_of_value_0_is_told_from_none_by_its_sign() -> None:
    values, alive, out = np.array([0.0, 0.0, -0.0, 2.0], F), np.array([1, 0, 1, 1], np.int32), np.full(4, np.nan, F)
    work = AtWork(4, channel(4), message_value=values, message_alive=alive)
    work.message["entries"] = 4
    finish_message(work.net, work.mem, 0, out, True)
    assert np.signbit(out).tolist() == [True, False, True, False] and out.tolist() == [0, 0, 0, 2]


@pytest.mark.parametrize("x", [[], [0.0], [3.0], [0, 0, 0], [0, -1, 0, 2], [np.nan, 0, np.inf], [1, 0] * 40], ids=str)
def test_compact_and_lay_out(x: list[float]) -> None:
    values = np.array(x, F)
    index, value = np.full(len(x), -1, np.int32), np.zeros(len(x), F)
    count = compact(values, index, value)
    expected_index, expected_value = naive.events_of(values)
    np.testing.assert_array_equal(index[:count], expected_index)
    np.testing.assert_array_equal(value[:count], expected_value)
    out = np.full(len(x), 9, F)
    stages.lay_out(index[:count], value[:count], out)
    np.testing.assert_array_equal(out, values)


@pytest.mark.parametrize("is_listed", [True, False])
def test_forget_zeros(is_listed: bool) -> None:
    """Of a list of all units, or of some: only events are left, and what is not a number is one."""
    sent = np.zeros(32, F)
    sent[[2, 4, 9, 15]] = 2.0, np.nan, -1.0, 3.0
    places = np.array([1, 2, 4, 9, 11, 15, 16]) if is_listed else np.arange(32)
    work = AtWork(32)
    work.enter(places, sent[places])
    forget_zeros(work.net, work.mem, channel(32))
    index, value, alive = work.entries()
    assert index.tolist() == [2, 4, 9, 15]
    np.testing.assert_array_equal(value, [2.0, np.nan, -1.0, 3.0])
    assert alive.tolist() == [1] * 4


def test_streams_of_the_stages_carry_the_channel() -> None:
    assert hashing.key(5, Stream.DROP.of(3), 7, 2) == int(
        counter_hash.key(np.int64(5), counter_hash.DROP + 64 * 3, np.int64(7), np.int64(2))
    )
