"""Durations, bit rates and energies with units: text such as "20 us" or "10 Mbit/s" to numbers, and back; and numbers
for people, rounded, with a prefix that fits.

Inside the program a duration is an integer number of picoseconds, a rate is a float in bit/s and an energy a
float in joules. Numbers are read and written in decimal arithmetic, so that `parse(format(x)) == x`, exactly.

Units are a list and no algebra, so that what is not meant is refused: "10 MHz" for a bandwidth, "2000 mbit/s" (m is
milli), "1 Ms" (M is mega).
"""

from __future__ import annotations

import math
import re
from decimal import Decimal

from channelsim.errors import InputError

DURATION = 'a duration such as "20 us" (ps, ns, us, ms, s, min or h)'
RATE = 'a bit rate above 0 such as "10 Mbit/s" (bit/s, kbit/s, Mbit/s, Gbit/s, B/s, kB/s or MB/s)'
ENERGY = 'an energy of 0 or more such as "0.9 pJ" (aJ, fJ, pJ, nJ, uJ, mJ or J)'

SECOND = 10**12
LONGEST = 10**6 * SECOND
"""The longest duration that a scenario may name, in ps: 10^6 s, a ninth of what 63 bits hold."""

NUMBER = r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?"
QUANTITY = re.compile(rf"\s*({NUMBER})\s*([^\d\s].*?)\s*")
PATTERN = rf"^\s*{NUMBER}\s*[A-Za-zµμ].*$"
"""What a quantity looks like, as a regular expression for JSON Schema."""

_POWERS = {
    "a": -18,
    "f": -15,
    "p": -12,
    "n": -9,
    "u": -6,
    "µ": -6,
    "μ": -6,
    "m": -3,
    "": 0,
    "k": 3,
    "M": 6,
    "G": 9,
    "T": 12,
}
_PREFIXES = {prefix: Decimal(10) ** power for prefix, power in _POWERS.items()}
_BINARY = {"Ki": Decimal(2**10), "Mi": Decimal(2**20), "Gi": Decimal(2**30)}
_LARGE = {prefix: _PREFIXES[prefix] for prefix in ("", "k", "M", "G", "T")} | _BINARY
_LONG = {"pico": "p", "nano": "n", "micro": "u", "milli": "m", "": ""}

# Word -> how many base units it is.
_TIMES = {f"{prefix}s": _PREFIXES[prefix] for prefix in ("p", "n", "u", "µ", "μ", "m", "")}
_TIMES |= {f"{long}second{s}": _PREFIXES[short] for long, short in _LONG.items() for s in ("", "s")}
_TIMES |= {"sec": Decimal(1)} | dict.fromkeys(("min", "minute", "minutes"), Decimal(60))
_TIMES |= dict.fromkeys(("h", "hour", "hours"), Decimal(3600))
_AMOUNTS = {f"{prefix}bit{s}": factor for prefix, factor in _LARGE.items() for s in ("", "s")}
_AMOUNTS |= {f"{prefix}{byte}": 8 * factor for prefix, factor in _LARGE.items() for byte in ("B", "byte", "bytes")}
_RATES = {f"{prefix}bps": factor for prefix, factor in _LARGE.items()}
_ENERGIES = {f"{prefix}J": factor for prefix, factor in _PREFIXES.items()}
_WATTS = {f"{prefix}W": factor for prefix, factor in _PREFIXES.items()}
_KINDS = {"time": _TIMES, "rate": _RATES, "energy": _ENERGIES, "amount": _AMOUNTS, "power": _WATTS}
_JOINED = {("amount", "/", "time"): "rate", ("power", "*", "time"): "energy"}
_UNIT = re.compile(r"([^\s/*]+)(?:(\s*[/*]\s*|\s+)([^\s/*]+))?")


def _factor(unit: str, kind: str, accepted: str) -> Decimal:
    """What one `unit` is in base units (s, bit/s, J); InputError if it is none of `kind`."""
    match = _UNIT.fullmatch(unit)
    words = [word for word in (match[1], match[3]) if word] if match else []
    found = [next(((name, table[word]) for name, table in _KINDS.items() if word in table), None) for word in words]
    if not found or None in found:
        raise InputError(f"{unit[:40]!r} is not a unit that is known here; accepted: {accepted}")
    names, factors = zip(*(each for each in found if each), strict=True)
    sign = (match[2] or "").strip() or "*" if match else ""
    joined = names[0] if len(names) == 1 else _JOINED.get((names[0], sign, names[1]))
    if joined != kind:
        raise InputError(f"{unit[:40]!r} is the wrong kind of unit; accepted: {accepted}")
    if len(factors) == 1:
        return Decimal(factors[0])
    return Decimal(factors[0] / factors[1] if sign == "/" else factors[0] * factors[1])


def _read(text: object, kind: str, accepted: str) -> Decimal:
    """The quantity in base units."""
    if not isinstance(text, str):
        raise InputError(f"a number without a unit; accepted: {accepted}")
    match = QUANTITY.fullmatch(text)
    if match is None:
        raise InputError(f"not a number with a unit; accepted: {accepted}")
    return Decimal(match[1]) * _factor(match[2], kind, accepted)


def parse_duration(text: object) -> int:
    """Picoseconds, rounded to the nearest, of text such as "20 us"; 0 needs no unit.

    Raises InputError for other dimensions, for negative durations, for ones over 10^6 s, and for ones that
    are not 0 but would round to 0, because the clock counts whole picoseconds.
    """
    if isinstance(text, int) and not isinstance(text, bool) and text == 0:
        return 0
    seconds = _read(text, "time", DURATION)
    if seconds < 0:
        raise InputError(f"a negative duration; accepted: {DURATION}")
    if seconds > LONGEST // SECOND:
        raise InputError(f"longer than 10^6 s; accepted: {DURATION}, up to 10^6 s")
    picoseconds = round(seconds * SECOND)
    if picoseconds == 0 and seconds > 0:
        raise InputError(f"shorter than the clock's step of 1 ps; accepted: {DURATION}")
    return picoseconds


def seconds(picoseconds: int) -> float:
    """The float that is nearest to this duration: rounded once, also beyond 2^53 ps (2.5 h)."""
    return int(picoseconds) / SECOND


def parse_rate(text: object) -> float:
    """Bits a second of text such as "10 Mbit/s"; InputError for other dimensions and for 0 or less."""
    rate = float(_read(text, "rate", RATE))
    if not 0 < rate < float("inf"):
        raise InputError(f"not above 0 and finite; accepted: {RATE}")
    return rate


def parse_energy(text: object) -> float:
    """Joules of text such as "0.9 pJ"; 0 needs no unit. InputError for other dimensions and below 0."""
    if isinstance(text, int | float) and not isinstance(text, bool) and text == 0:
        return 0.0
    energy = float(_read(text, "energy", ENERGY))
    if not 0 <= energy < float("inf"):
        raise InputError(f"negative or infinite; accepted: {ENERGY}")
    return energy


def _write(value: Decimal, steps: dict[str, int]) -> str:
    """`value` with the largest unit (a power of ten) of `steps` in which it is 1 or more."""
    unit = next((u for u, power in steps.items() if abs(value) >= Decimal(10) ** power), list(steps)[-1])
    scaled = value.scaleb(-steps[unit]).normalize()
    return f"{scaled:f} {unit}" if -7 < scaled.adjusted() < 16 else f"{scaled} {unit}"


def format_duration(picoseconds: int) -> str:
    """Text that `parse_duration` reads as exactly the same, e.g. "20 us"."""
    if picoseconds == 0:
        return "0 s"
    return _write(Decimal(picoseconds), {"s": 12, "ms": 9, "us": 6, "ns": 3, "ps": 0})


def format_rate(rate: float) -> str:
    """Text that `parse_rate` reads as exactly the same, e.g. "10 Mbit/s"."""
    return _write(Decimal(repr(float(rate))), {"Gbit/s": 9, "Mbit/s": 6, "kbit/s": 3, "bit/s": 0})


def format_energy(energy: float) -> str:
    """Text that `parse_energy` reads as exactly the same, e.g. "0.9 pJ"."""
    if energy == 0:
        return "0 J"
    steps = {"J": 0, "mJ": -3, "uJ": -6, "nJ": -9, "pJ": -12, "fJ": -15, "aJ": -18}
    return _write(Decimal(repr(float(energy))), steps)


def number_text(value: float, form: str, unit: str = "") -> str:
    """A number with its unit, or a dash where it is NaN: there is none."""
    return "-" if math.isnan(value) else f"{value:{form}}{unit}"


_SHOWN = {-15: "f", -12: "p", -9: "n", -6: "µ", -3: "m", 0: "", 3: "k", 6: "M", 9: "G", 12: "T", 15: "P"}


def quantity(value: float, unit: str) -> str:
    """`value` with three or four digits and an SI prefix: `quantity(0.0123, "s")` is "12.3 ms"."""
    if not math.isfinite(value):
        return f"{value} {unit}".rstrip()
    if value == 0:
        return f"0 {unit}".rstrip()
    exponent = min(max(3 * math.floor(math.log10(abs(value)) / 3), min(_SHOWN)), max(_SHOWN))
    scaled = value / 10.0**exponent
    if abs(scaled) >= 999.5 and exponent < max(_SHOWN):  # would be rounded up to the next prefix
        exponent += 3
        scaled = value / 10.0**exponent
    digits = f"{scaled:.0f}" if abs(scaled) >= 100 else f"{scaled:.3g}"
    return f"{digits} {_SHOWN[exponent]}{unit}".rstrip()


def percent(share: float) -> str:
    """A share of 1 as a percentage with two decimals, or a dash where there is none."""
    return "-" if math.isnan(share) else f"{100 * share:.2f} %"
