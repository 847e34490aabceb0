"""The adaptive arithmetic code of `encoding = "entropy"`, in whole numbers: docs/design.md, section 4.

A message's units are coded one after another as decisions between 0 and 1, each with the probabilities that its
context has met so far in this message. A unit is a whole number: 0 where it is silent, else its magnitude, from 1 (the
smallest) to `levels`, with its sign. The code ends by itself: what follows it is not read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

SENDS, SIGN, LONGER, DIGITS, OF_A_SIGN = 0, 1, 2, 17, 57
"""The contexts: whether a unit sends an event; its sign; whether its magnitude has more than 1, 2, ... binary digits;
and, of each number of digits from 2 on, the first digit after the leading 1, and the second after a 0 and after a 1.
Negative units have contexts of their own for their magnitudes, OF_A_SIGN further on."""
CONTEXTS = 2 + 2 * OF_A_SIGN
FAIR = -1
"""The context of all other digits: both are always equally probable."""

MOST = 1 << 16
"""Counts of a context are halved when their sum exceeds this."""

TOP, HALF, QUARTER = (1 << 32) - 1, 1 << 31, 1 << 30

Decision = tuple[int, int]
"""A context, and a bit."""


def decisions(unit: int, levels: int) -> Iterator[Decision]:
    """What is decided about one unit, in order."""
    yield SENDS, int(unit != 0)
    if unit == 0:
        return
    yield SIGN, int(unit < 0)
    magnitude, longest, minus = abs(unit), levels.bit_length(), unit < 0
    digits = magnitude.bit_length()
    for length in range(1, min(digits + 1, longest)):
        yield longer_context(minus, length), int(length < digits)
    for place in range(digits - 2, -1, -1):
        before = magnitude >> (place + 1)
        if can_be_one(before, place, levels):
            yield digit_context(minus, digits, before), magnitude >> place & 1


def can_be_one(before: int, place: int, levels: int) -> bool:
    """Whether a magnitude can have a 1 at this place, `before` being the digits before it; else it is not coded."""
    return (2 * before + 1) << place <= levels


def longer_context(minus: bool, length: int) -> int:
    """The context of whether a magnitude has more than so many digits."""
    return LONGER + length - 1 + OF_A_SIGN * minus


def digit_context(minus: bool, digits: int, before: int) -> int:
    """The context of a digit of a magnitude with so many digits, `before` being those before it."""
    return DIGITS + 3 * (digits - 2) + before - 1 + OF_A_SIGN * minus if before < 4 else FAIR


class Model:
    """What the contexts have met in one message."""

    def __init__(self) -> None:
        self.counts = [[1, 1] for _ in range(CONTEXTS)]

    def split(self, context: int, low: int, high: int) -> int:
        """The last number of the interval that stands for 0."""
        zeros, ones = (1, 1) if context == FAIR else self.counts[context]
        return low + (high - low + 1) * zeros // (zeros + ones) - 1

    def learn(self, context: int, bit: int) -> None:
        """A decision counts 2, so that a context begins with half a decision of each kind."""
        if context == FAIR:
            return
        counts = self.counts[context]
        counts[bit] += 2
        if sum(counts) > MOST:
            counts[:] = [(count + 1) // 2 for count in counts]


def encode(units: Sequence[int], levels: int) -> list[int]:
    """The bits of a message's units."""
    model, bits = Model(), list[int]()
    low, high, pending = 0, TOP, 0

    def put(bit: int) -> None:
        bits.extend([bit] + [1 - bit] * pending)

    for unit in units:
        for context, bit in decisions(unit, levels):
            middle = model.split(context, low, high)
            low, high = (middle + 1, high) if bit else (low, middle)
            model.learn(context, bit)
            while True:
                if high < HALF:
                    put(0)
                    shift, pending = 0, 0
                elif low >= HALF:
                    put(1)
                    shift, pending = HALF, 0
                elif low >= QUARTER and high < HALF + QUARTER:
                    shift, pending = QUARTER, pending + 1
                else:
                    break
                low, high = 2 * (low - shift), 2 * (high - shift) + 1
    if low > 0 and high < TOP:
        pending += 1
        put(int(low >= QUARTER))
    elif low > 0 or high < TOP or pending:
        put(int(low > 0))
    return bits


def decode(bits: Sequence[int], n: int, levels: int) -> list[int]:
    """The n units that `encode` wrote at the beginning of these bits. Other bits are read as some units too."""
    model, source = Model(), iter(bits)
    low, high, value = 0, TOP, 0
    for _ in range(32):
        value = 2 * value + next(source, 0)

    def decide(context: int) -> int:
        nonlocal low, high, value
        middle = model.split(context, low, high)
        bit = int(value > middle)
        low, high = (middle + 1, high) if bit else (low, middle)
        model.learn(context, bit)
        while high < HALF or low >= HALF or (low >= QUARTER and high < HALF + QUARTER):
            shift = 0 if high < HALF else HALF if low >= HALF else QUARTER
            low, high, value = 2 * (low - shift), 2 * (high - shift) + 1, 2 * (value - shift) + next(source, 0)
        return bit

    return [_read(decide, levels) for _ in range(n)]


def _read(decide: Callable[[int], int], levels: int) -> int:
    """One unit."""
    if not decide(SENDS):
        return 0
    minus = bool(decide(SIGN))
    digits = 1
    while digits < levels.bit_length() and decide(longer_context(minus, digits)):
        digits += 1
    magnitude = 1
    for place in range(digits - 2, -1, -1):
        bit = decide(digit_context(minus, digits, magnitude)) if can_be_one(magnitude, place, levels) else 0
        magnitude = 2 * magnitude + bit
    return -magnitude if minus else magnitude


def most_bits(n: int, levels: int) -> int:
    """A bound on the length of a message of n units: a bit a decision, what the contexts cost to learn, and the end."""
    return 2 * n * (1 + 2 * levels.bit_length()) + 32 * CONTEXTS + 2
