"""The messages of a run's rows as the bytes that cross the link, those of `channelsim.codes.pack` to the last bit.

Of each message first the length is worked out, then its fields are written one after another, most significant bit
first, through an integer in which fewer than eight bits wait for the byte that they fill.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from channelsim.arithmetic import CONTEXTS
from channelsim.engine.channel import arithmetic, stages
from channelsim.engine.channel.quantizers import LOG2, NO_WORD, NONE, SIGN, TERNARY, ZERO, silence_word
from channelsim.engine.compile.jit import inner
from channelsim.engine.compile.units import INT, NOTHING, RECORDING, unit
from channelsim.engine.compile.views import view_of
from channelsim.engine.kernels import simd
from channelsim.engine.tables.handles import records
from channelsim.plan import CHANNEL, MESSAGE_ROW, Quantizer
from channelsim.plan.settings import FLOAT_BITS

F = np.float32


def pack(
    rows: NDArray[Any], values: NDArray[np.float32], channels: NDArray[Any]
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Messages as bytes, with zeros for their headers.

    Arguments:
        rows: MESSAGE_ROW records, shape (k,). values: as sent; see `payload` and `neurons`.
        channels: the CHANNEL records that the rows count.

    Returns:
        all messages one after another, and k + 1 offsets: message i is the bytes from offset i up to offset i + 1.

    Raises:
        ValueError: a value that the quantizer does not make.
    """
    rows, channels = records(rows), records(np.array(channels))
    offsets = np.zeros(len(rows) + 1, np.int64)
    values = np.ascontiguousarray(values)
    scratch = np.zeros(0, np.int32), np.zeros(2 * CONTEXTS, np.int64)
    _lay_out(rows, values, channels, offsets, *scratch)
    out = np.zeros(offsets[-1], np.uint8)
    scales = np.ascontiguousarray(rows["scale"])
    wrong = _write(rows, values, values.view(np.uint32), scales.view(np.uint32), channels, offsets, out, *scratch)
    if wrong >= 0:
        quantizer = Quantizer(int(channels["quantizer"][rows["channel"][wrong]])).name
        raise ValueError(f"message {wrong} holds no value of the quantizer {quantizer} with scale {scales[wrong]}")
    return out, offsets


ROWS, CHANNELS, WORDS = view_of(MESSAGE_ROW), view_of(CHANNEL), view_of("u4")


@unit(NOTHING, ROWS, view_of("f4"), CHANNELS, view_of("i8"), view_of("i4"), view_of("i8"), needed_by=(RECORDING,))
def _lay_out(rows, values, channels, offsets, nobody, contexts):
    """Where each message begins, and where the last one ends."""
    for i in range(len(rows)):
        row = rows[i]
        sent = values[row.payload : row.payload + row.neurons]
        ch = channels[row.channel]
        if ch.encoding == stages.ENTROPY:
            bits = arithmetic.encode(
                ch, row.scale, nobody, sent, contexts, contexts[:0], ch.header_bits + ch.scale_bits
            )
        else:
            bits, _ = stages.message_bits(ch, simd.count_events(sent))
        offsets[i + 1] = offsets[i] + (bits + 7) // 8


@unit(
    INT, ROWS, view_of("f4"), WORDS, WORDS, CHANNELS, view_of("i8"), view_of("u1"), view_of("i4"), view_of("i8"),
    needed_by=(RECORDING,),
)  # fmt: skip
def _write(rows, values, words, scale_words, channels, offsets, out, nobody, contexts):
    """Fills `out`, which is zeros. `words` and `scale_words` are values and scales seen as uint32.

    Returns the first message that has no word for a value, or -1.
    """
    for i in range(len(rows)):
        row = rows[i]
        first, end = row.payload, row.payload + row.neurons
        message = out[offsets[i] : offsets[i + 1]]
        ch, scale_word = channels[row.channel], np.int64(scale_words[i])
        if ch.encoding == stages.ENTROPY:
            if not _entropy_coded(ch, row.scale, scale_word, values[first:end], message, nobody, contexts):
                return i
        elif not _message(ch, row.scale, scale_word, values[first:end], words[first:end], message):
            return i
    return -1


@inner()
def _message(ch, a, scale_word, values, words, out):
    """One message. Returns whether there is a word for each of its values."""
    events = simd.count_events(values)
    _, encoding = stages.message_bits(ch, events)
    by_address = encoding == stages.AER
    silence, width = silence_word(ch), ch.value_bits
    if not by_address and events < ch.n:
        width += ch.silence_bits
    at, held, waiting = ch.header_bits // 8, ch.header_bits % 8, np.int64(0)
    if ch.scale_bits > 0:
        at, held, waiting = _put(scale_word, ch.scale_bits, at, held, waiting, out)
    if ch.quantizer == NONE and not by_address and width == FLOAT_BITS and held == 0:
        _put_floats(values, words, out[at:])
        return True
    for i in range(len(values)):
        word = silence
        if values[i] != ZERO:
            word = _word(ch.quantizer, ch.levels, a, values[i], np.int64(words[i]))
            if word == NO_WORD:
                return False
            if by_address:
                at, held, waiting = _put(i, ch.address_bits, at, held, waiting, out)
        elif by_address:
            continue
        at, held, waiting = _put(word, width, at, held, waiting, out)
    if held > 0:
        out[at] = (waiting << (8 - held)) & 0xFF
    return True


@inner()
def _entropy_coded(ch, a, scale_word, values, out, nobody, contexts):
    """The same in the entropy code."""
    for i in range(len(values)):
        if values[i] != ZERO and _word(ch.quantizer, ch.levels, a, values[i], np.int64(0)) == NO_WORD:
            return False
    at, held, waiting = ch.header_bits // 8, ch.header_bits % 8, np.int64(0)
    if ch.scale_bits > 0:
        at, held, waiting = _put(scale_word, ch.scale_bits, at, held, waiting, out)
    if held > 0 and at < len(out):
        out[at] = (waiting << (8 - held)) & 0xFF
    arithmetic.encode(ch, a, nobody, values, contexts, out, ch.header_bits + ch.scale_bits)
    return True


@inner()
def _put_floats(values, words, out):
    """Whole words for all values, as `_put` would write them, but at once: this is most of what is packed."""
    for i in range(len(values)):
        word = np.uint32(words[i]) if values[i] != ZERO else np.uint32(0)
        place = out[4 * i : 4 * i + 4]
        place[0], place[1], place[2], place[3] = word >> 24, (word >> 16) & 0xFF, (word >> 8) & 0xFF, word & 0xFF


@inner()
def _put(word, width, at, held, waiting, out):
    """Appends a word of at most 33 bits to the `held` bits that wait for `out[at]`.

    Returns (at, held, waiting) as they are then: less than a byte waits.
    """
    waiting, held = ((waiting & 0x7F) << width) | word, held + width
    while held >= 8:
        held -= 8
        out[at] = (waiting >> held) & 0xFF
        at += 1
    return at, held, waiting


@inner()
def _word(kind, levels, a, value, float_word):
    """The code word of one sent value, or NO_WORD where it is none of the quantizer's.

    Unlike that of `_quantize.encode`, which never meets others, the value is compared with what the word means; and
    where the alphabet has it more than once, as scales that are subnormal make it, the word is the first one.
    """
    if kind == NONE:
        return float_word
    if kind in (SIGN, TERNARY):
        word = np.int64(value < ZERO) + np.int64(kind == TERNARY)
        return word if abs(value) == a else NO_WORD
    if kind == LOG2:
        level, part = np.int64(0), F(1.0)
        while level < levels - 1 and a * part > abs(value):
            level, part = level + 1, part * F(0.5)
        return NO_WORD if a * part != abs(value) else (level + levels if value < ZERO else level)
    top = np.float64(levels)
    step = a / F(top)
    count = np.rint(np.float64(value) / np.float64(step))
    count = top if count > top else (-top if count < -top else count)
    return np.int64(count + top) if F(count) * step == value else NO_WORD
