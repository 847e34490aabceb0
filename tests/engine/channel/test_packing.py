"""Packing a run's messages, against its twin: `channelsim.codes.pack`, one message at a time."""

from __future__ import annotations

import warnings
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from channelsim import codes, engine
from channelsim.engine.channel import quantizers as inner_quantizers
from channelsim.plan import CHANNEL, MESSAGE_ROW, Encoding, Quantizer, Scale
from channelsim.plan.settings import FLOAT_BITS
from tests.engine.compiled import compiled_module
from tests.engine.records import channel

quantizers = compiled_module(inner_quantizers)

F = np.float32
Floats = np.ndarray[Any, np.dtype[np.float32]]
Said = tuple[Any, Floats, np.float32]  # channel, values, scale
SUBNORMAL = 2.0**-149
WORDS = [encoding for encoding in Encoding if encoding != Encoding.ENTROPY]  # codes that floats have too
LEVELS = [
    (Quantizer.NONE, 0),
    *((Quantizer.LOG2, levels) for levels in range(1, 33)),
    *((Quantizer.UNIFORM, 2**bits - 1) for bits in range(1, 16)),
    (Quantizer.SIGN, 1),
    (Quantizer.TERNARY, 1),
]
FLOATS = st.integers(0, 2**32 - 1).map(lambda word: np.uint32(word).view(F))  # NaNs with all their payloads too
SCALES = st.one_of(
    st.floats(2**-10, 2**10, width=32),
    st.floats(0, 2**-120, width=32, exclude_min=True),
    st.floats(2**100, width=32, allow_infinity=False),
).map(F)


def packed(messages: list[Said]) -> list[bytes]:
    """All of them in one call."""
    rows, first = np.zeros(len(messages), MESSAGE_ROW), 0
    for row, (c, (_, values, scale)) in zip(rows, enumerate(messages), strict=True):
        row["channel"], row["scale"], row["payload"], row["neurons"] = c, scale, first, len(values)
        first += len(values)
    values = np.concatenate([np.zeros(0, F), *(said for _, said, _ in messages)])
    channels = np.array([tuple(record) for record, _, _ in messages], CHANNEL)
    data, offsets = engine.pack(rows, values, channels)
    assert offsets[0] == 0 and offsets[-1] == len(data) and len(offsets) == len(rows) + 1
    return [data[begin:end].tobytes() for begin, end in pairwise(offsets)]


def twins(messages: list[Said]) -> list[bytes]:
    """One by one."""
    return [codes.pack(values, scale, record).data for record, values, scale in messages]


def quantized(kind: Quantizer, levels: int, a: np.float32, stochastic: bool, values: Floats) -> Floats:
    out = values.copy()
    words, none = out.view(np.int32), np.zeros(0, np.int32)
    quantizers.quantize(np.int64(kind), np.int64(levels), a, np.uint8(stochastic), np.uint64(9), none, out, words)
    return np.where(values == 0, F(0), out)  # the engine quantizes those who speak


@st.composite
def said(draw: st.DrawFn) -> Said:
    """A message on any channel, as the engine quantizes it."""
    kind, levels = draw(st.sampled_from(LEVELS))
    n, seed = draw(st.one_of(st.integers(1, 5), st.integers(6, 300))), draw(st.integers(0, 2**32))
    rng, a = np.random.default_rng(seed), draw(SCALES)
    record = channel(
        n,
        kind,
        levels,
        encoding=draw(st.sampled_from(Encoding if kind else WORDS)),
        header_bits=draw(st.sampled_from([0, 1, 7, 8, 13, 32, 70])),
        scale_bits=draw(st.sampled_from([0, FLOAT_BITS])),
    )
    if kind == Quantizer.NONE:
        values = np.resize(np.array(draw(st.lists(FLOATS, min_size=1, max_size=8)), F), n)
    else:
        sent = (rng.normal(size=n) * np.minimum(a, F(1e37))).astype(F)
        values = quantized(kind, levels, a, kind == Quantizer.UNIFORM and draw(st.booleans()), sent)
    share = {"nobody": 0.0, "all": 1.0, "some": draw(st.floats(0, 1))}[draw(st.sampled_from(["nobody", "all", "some"]))]
    return record, np.where(rng.random(n) < share, values, F(0)).astype(F), a


@settings(max_examples=200)
@given(st.lists(said(), max_size=4))
@example([])
def test_the_bytes_are_those_of_the_codes(messages: list[Said]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of NumPy, about scales next to the largest float
        expected = twins(messages)
    assert packed(messages) == expected


@pytest.mark.parametrize(("kind", "levels"), LEVELS[1:])
@pytest.mark.parametrize("encoding", Encoding)
def test_every_word(kind: Quantizer, levels: int, encoding: Encoding) -> None:
    """Also where an alphabet has one value several times, as below the smallest normal float."""
    only = channel(1, kind, levels)
    for a in (0.37, SUBNORMAL, 23 * SUBNORMAL, 1001 * SUBNORMAL, 2.0**-126, 1.5e38):
        values, valid = codes.decode(np.arange(2 ** int(only["value_bits"])), a, only)
        values = np.unique(values[valid])
        record = channel(len(values), kind, levels, encoding=encoding)
        message = (record, values, F(a))
        assert packed([message]) == twins([message]), a


@pytest.mark.parametrize("encoding", WORDS)
@pytest.mark.parametrize("header_bits", [0, 3])
def test_floats_that_are_not_finite_and_silence_with_a_sign(encoding: Encoding, header_bits: int) -> None:
    values = np.array([np.nan, 0.0, -np.inf, -0.0, np.inf, SUBNORMAL, -1.5], F)
    message = (channel(len(values), encoding=encoding, header_bits=header_bits), values, F(1))
    assert packed([message]) == twins([message])


def test_a_message_that_takes_no_bits() -> None:
    nothing = (channel(1, encoding=Encoding.AER), np.zeros(1, F), F(1))
    something = (channel(1), np.ones(1, F), F(1))
    assert packed([nothing, something, nothing]) == [b"", bytes([0x3F, 0x80, 0, 0]), b""]


@pytest.mark.parametrize(
    ("kind", "levels", "a", "value"),
    [
        *((kind, levels, a, v) for kind, levels in ((Quantizer.LOG2, 3), (Quantizer.UNIFORM, 7)) for a, v in (
            (1.0, 0.3), (1.0, 1.5), (1.0, np.nan), (np.nan, 1.0), (1.0, -np.inf), (0.0, 1.0), (np.inf, 1.0),
        )),
        *((kind, 0, a, v) for kind in (Quantizer.SIGN, Quantizer.TERNARY) for a, v in (
            (1.0, 0.3), (1.0, np.nan), (np.nan, 1.0), (0.0, -1.0), (np.inf, 1.0),
        )),
    ],
)  # fmt: skip
def test_what_no_quantizer_makes_is_refused_as_the_codes_refuse_it(
    kind: Quantizer, levels: int, a: float, value: float
) -> None:
    good = (channel(2, kind, levels), np.zeros(2, F), F(1))
    bad = (channel(2, kind, levels, scale_kind=Scale.FIXED), np.array([0, value], F), F(a))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        with pytest.raises(ValueError, match="no value of the quantizer"):
            twins([bad])
    with pytest.raises(ValueError, match=f"message 1 holds no value of the quantizer {kind.name}"):
        packed([good, bad])
