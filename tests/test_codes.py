"""The packer: what is counted is what crosses the link, and what arrives is what was sent."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from channelsim import codes
from channelsim.plan.layout import CHANNEL, Encoding, Quantizer, Scale
from tests.engine.records import word_bits
from tests.words import OF_MESSAGES


def channel(
    n: int,
    quantizer: Quantizer = Quantizer.NONE,
    levels: int = 0,
    encoding: Encoding = Encoding.DENSE,
    scale_kind: Scale = Scale.FIXED,
    scale: float = 1.0,
    header_bits: int = 0,
) -> np.void:
    """A CHANNEL record with its widths worked out anew."""
    record = np.zeros((), CHANNEL)
    record["n"], record["quantizer"], record["encoding"] = n, quantizer, encoding
    record["levels"] = levels
    record["value_bits"] = word_bits(quantizer, levels)
    record["scale_kind"], record["scale"] = scale_kind, scale
    record["scale_bits"] = 32 if quantizer != Quantizer.NONE and scale_kind != Scale.FIXED else 0
    record["address_bits"] = math.ceil(math.log2(n))
    record["silence_bits"] = quantizer == Quantizer.SIGN or (
        quantizer == Quantizer.LOG2 and 2 * levels == 2 ** record["value_bits"]
    )
    record["header_bits"] = header_bits
    return record[()]


def alphabet(quantizer: Quantizer, levels: int, a: np.float32) -> list[np.float32]:
    """Every value that a quantizer makes, zero left out."""
    if quantizer == Quantizer.LOG2:
        plus = [a * np.float32(2.0**-level) for level in range(levels)]
    elif quantizer == Quantizer.UNIFORM:
        plus = [a / np.float32(levels) * np.float32(k) for k in range(1, levels + 1)]
    else:
        plus = [a]
    return [v for v in plus + [-v for v in plus] if v != 0]


@st.composite
def messages(draw: st.DrawFn) -> tuple[np.void, np.ndarray, np.float32, int]:
    quantizer = draw(st.sampled_from(OF_MESSAGES))
    levels = draw(st.integers(1, 32))
    if quantizer == Quantizer.UNIFORM:
        levels = 2 ** draw(st.integers(1, 15)) - 1
    n = draw(st.one_of(st.integers(1, 5), st.integers(6, 300)))
    scale_kind = draw(st.sampled_from(Scale))
    a = np.float32(draw(st.floats(2**-10, 2**10, width=32)))
    header_bits = draw(st.sampled_from([0, 1, 8, 13, 70]))
    encoding = draw(st.sampled_from([e for e in Encoding if quantizer or e != Encoding.ENTROPY]))
    record = channel(n, quantizer, levels, encoding, scale_kind, a, header_bits)
    if quantizer == Quantizer.NONE:
        value = st.floats(width=32, allow_nan=False).map(np.float32)
    else:
        value = st.sampled_from(alphabet(quantizer, levels, a))
    speaking = draw(st.sampled_from(["nobody", "all", "some"]))
    few = st.lists(value, min_size=1, max_size=8)
    pool = np.array(draw(few), dtype=np.float32)
    mask = np.random.default_rng(draw(st.integers(0, 2**32))).random(n)
    share = {"nobody": 0.0, "all": 1.0, "some": draw(st.floats(0, 1))}[speaking]
    values = np.where(mask < share, np.resize(pool, n), np.float32(0))
    values[values == 0] = 0.0  # a silent neuron has no sign
    return record, values, a, draw(st.integers(0, 2**header_bits - 1))


@settings(max_examples=400)
@given(messages())
def test_every_message_survives_and_has_the_length_counted(
    message: tuple[np.void, np.ndarray, np.float32, int],
) -> None:
    record, values, a, header = message
    packed = codes.pack(values, a, record, header)
    arrived, scale = codes.unpack(packed, record)
    assert arrived.dtype == np.float32
    assert np.array_equal(arrived.view(np.uint32), values.view(np.uint32))
    assert np.float32(scale) == a
    assert codes.header_of(packed, record) == header
    if record["encoding"] == Encoding.ENTROPY:
        assert packed.encoding == Encoding.ENTROPY
    else:
        counted, encoding = codes.message_bits(record, np.count_nonzero(values))
        assert packed.bits == counted and packed.encoding == encoding
    assert len(packed.data) == -(-packed.bits // 8)
    assert packed.events == np.count_nonzero(values)


@pytest.mark.parametrize("quantizer", OF_MESSAGES)
def test_the_padding_is_less_than_a_byte_of_zeros(quantizer: Quantizer) -> None:
    record = channel(3, quantizer, 5, Encoding.AER)
    packed = codes.pack(np.array([0, 1, 0], np.float32), 1.0, record)
    spare = 8 * len(packed.data) - packed.bits
    assert 0 <= spare < 8
    assert int.from_bytes(packed.data, "big") % 2**spare == 0


def test_bits_by_hand() -> None:
    # 3-bit log2 code, a = 4: +4 is sign 0 level 0 = 000, -1 is sign 1 level 2 = 3 + 2 = 101, silence is 110.
    record = channel(4, Quantizer.LOG2, 3, header_bits=2)
    packed = codes.pack(np.array([4, 0, -1, 4], np.float32), 4.0, record, header=0b10)
    assert packed.bits == 2 + 4 * 3
    assert packed.data == bytes([0b10_000_110, 0b101_000_00])
    # The same as address-events: 2 address bits and 3 bits for each of the three that speak.
    aer = channel(4, Quantizer.LOG2, 3, Encoding.AER)
    packed = codes.pack(np.array([4, 0, -1, 4], np.float32), 4.0, aer)
    assert packed.bits == 3 * 5
    assert packed.data == bytes([0b00_000_10_1, 0b01_11_000_0])
    # Signs have no spare word: with a silent neuron each word takes two bits; 10 is silence.
    sign = channel(3, Quantizer.SIGN)
    assert codes.pack(np.array([1, -1, 1], np.float32), 1.0, sign).data == bytes([0b010_00000])
    packed = codes.pack(np.array([1, -1, 0], np.float32), 1.0, sign)
    assert packed.bits == 6 and packed.data == bytes([0b00_01_10_00])
    # A scale that travels: the 32 bits of the float 2.0, then 2-bit ternary words.
    ternary = channel(2, Quantizer.TERNARY, scale_kind=Scale.MAX)
    packed = codes.pack(np.array([-2, 0], np.float32), 2.0, ternary)
    assert packed.bits == 36 and packed.data == bytes([0x40, 0, 0, 0, 0b10_00_0000])


def test_one_neuron_has_no_address() -> None:
    record = channel(1, Quantizer.NONE, encoding=Encoding.AER)
    assert codes.message_bits(record, [0, 1])[0].tolist() == [0, 32]
    assert codes.pack(np.zeros(1, np.float32), 1.0, record).data == b""


def test_an_entropy_code_by_hand() -> None:
    # +a, silence: sends (1 of 1 + 1), plus (1 of 2), then 1 of 4 for silence, as one unit has sent: from 1/2 on 1/16.
    record = channel(2, Quantizer.SIGN, 1, Encoding.ENTROPY, header_bits=2)
    packed = codes.pack(np.array([1, 0], np.float32), 1.0, record, header=0b11)
    assert packed.bits == 2 + 4 and packed.data == bytes([0b11_1000_00])
    assert packed.encoding == Encoding.ENTROPY and packed.events == 1
    with pytest.raises(ValueError, match="depends on the values"):
        codes.message_bits(record, 1)
    with pytest.raises(ValueError, match="no entropy code"):
        codes.unpack(codes.Packed(packed.data, packed.bits + 1, packed.encoding, 1), record)


@pytest.mark.parametrize("quantizer", [q for q in OF_MESSAGES if q])
def test_units_are_words_by_magnitude_and_sign(quantizer: Quantizer) -> None:
    record = channel(4, quantizer, 1 if quantizer in (Quantizer.SIGN, Quantizer.TERNARY) else 7)
    values = np.sort(np.array(alphabet(quantizer, int(record["levels"]), np.float32(1)), np.float32))
    words = codes.encode(values, 1.0, record)
    units = codes.units_of(words, record)
    levels = int(record["levels"])
    assert units.tolist() == [*range(-levels, 0), *range(1, levels + 1)]
    assert np.array_equal(codes.codes_of(units, record), words)


def test_auto_takes_the_shorter_code_and_dense_on_a_tie() -> None:
    # 16 neurons, 4-bit words: dense 64 bits; 8 bits an event, so 8 events tie.
    record = channel(16, Quantizer.UNIFORM, 7, Encoding.AUTO)
    bits, encoding = codes.message_bits(record, [0, 7, 8, 9, 16])
    assert bits.tolist() == [0, 56, 64, 64, 64]
    assert encoding.tolist() == [Encoding.AER] * 2 + [Encoding.DENSE] * 3


@pytest.mark.parametrize(
    ("quantizer", "levels"),
    [(Quantizer.LOG2, exponents) for exponents in (1, 2, 3, 4, 16, 32)]
    + [(Quantizer.UNIFORM, k) for k in (1, 3, 32767)]
    + [(Quantizer.SIGN, 1), (Quantizer.TERNARY, 1)],
)
def test_every_word_is_a_value_or_invalid(quantizer: Quantizer, levels: int) -> None:
    record = channel(5, quantizer, levels)
    words = np.arange(2 ** int(record["value_bits"]))
    values, valid = codes.decode(words, 0.75, record)
    used = {Quantizer.LOG2: 2 * levels, Quantizer.UNIFORM: 2 * levels + 1, Quantizer.SIGN: 2, Quantizer.TERNARY: 3}
    assert np.array_equal(valid, words < used[quantizer])
    assert np.array_equal(codes.encode(values[valid], 0.75, record), words[valid])
    assert np.all(values[~valid] == 0)
    if not record["silence_bits"]:
        silence = codes.silence_word(record)
        assert silence < len(words) and values[silence] == 0


def test_a_float_word_that_is_not_finite_is_invalid() -> None:
    record = channel(3)
    words = np.array([1.5, np.inf, np.nan, -0.0], np.float32).view(np.uint32)
    values, valid = codes.decode(words, 1.0, record)
    assert valid.tolist() == [True, False, False, True]
    assert np.array_equal(codes.encode(values, 1.0, record), words)


def test_subnormal_alphabet_is_exact() -> None:
    a = np.float32(3e-44)
    record = channel(4, Quantizer.LOG2, 16, scale_kind=Scale.MAX)
    values = np.array(alphabet(Quantizer.LOG2, 16, a)[:4], np.float32)
    arrived, scale = codes.unpack(codes.pack(values, a, record), record)
    assert np.array_equal(arrived, values) and scale == a


def test_what_does_not_fit_is_refused() -> None:
    record = channel(2, Quantizer.LOG2, 3, header_bits=1)
    with pytest.raises(ValueError, match="no value of the quantizer LOG2"):
        codes.pack(np.array([0.3, 0], np.float32), 1.0, record)
    with pytest.raises(ValueError, match="shape"):
        codes.pack(np.zeros(3, np.float32), 1.0, record)
    with pytest.raises(ValueError, match="header 2"):
        codes.pack(np.zeros(2, np.float32), 1.0, record, header=2)
    packed = codes.pack(np.ones(2, np.float32), 1.0, record)
    with pytest.raises(ValueError, match="no message"):
        codes.unpack(codes.Packed(packed.data, packed.bits + 1, packed.encoding, 2), record)
    with pytest.raises(ValueError, match="means nothing"):
        codes.unpack(codes.Packed(bytes([0b0_111_000_0]), 7, Encoding.DENSE, 2), record)
