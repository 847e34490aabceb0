from __future__ import annotations

import contextlib
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from channelsim import units
from channelsim.errors import InputError

DURATIONS = {
    "20 us": 20_000_000,
    "20us": 20_000_000,
    "20 µs": 20_000_000,
    "20 μs": 20_000_000,
    " 1.5 ns ": 1500,
    "1 ps": 1,
    "1e3 ps": 1000,
    ".5 ns": 500,
    "2 min": 120 * 10**12,
    "0 s": 0,
    "3 microseconds": 3_000_000,
    "0.3333 ps": None,
    "1.5 ps": 2,
    "2.5 ps": 2,
}

RATES = {
    "10 Mbit/s": 1e7,
    "10 Mbps": 1e7,
    "1 kB/s": 8000.0,
    "1 MiB/s": 8 * 2**20,
    "0.1 bit/s": 0.1,
    "1 Gbit / second": 1e9,
    "60 kbit/min": 1000.0,
}

ENERGIES = {"0.9 pJ": 0.9e-12, "1 nW*s": 1e-9, "0 J": 0.0, "20 fJ": 20e-15}


@pytest.mark.parametrize(("text", "value"), DURATIONS.items())
def test_durations(text: str, value: int | None) -> None:
    if value is None:
        with pytest.raises(InputError, match="1 ps"):
            units.parse_duration(text)
    else:
        assert units.parse_duration(text) == value


@pytest.mark.parametrize(("text", "value"), RATES.items())
def test_rates(text: str, value: float) -> None:
    assert units.parse_rate(text) == value


@pytest.mark.parametrize(("text", "value"), ENERGIES.items())
def test_energies(text: str, value: float) -> None:
    assert units.parse_energy(text) == value


@given(st.text(max_size=30))
def test_whatever_is_written_is_read_or_refused(text: str) -> None:
    for parse in (units.parse_duration, units.parse_rate, units.parse_energy):
        for written in (text, f"1 {text}"):
            with contextlib.suppress(InputError):
                parse(written)


def test_zero_needs_no_unit() -> None:
    assert units.parse_duration(0) == 0
    assert units.parse_energy(0) == 0.0


# What an algebra of units takes for something else, or trips over.
NO_UNITS = [
    "1 (us", "1 us)", "1 )", "1 us # x", "1 us,", "1 us!", "1 'us'", "1 [us]", "1 \0", "1 us/us*us", "1 us**1",
    "1 us/1", "1 s*bit/bit", "1 J/W", "1 bit/bps", "1 mmin", "1 ph", "1 ah", "1 Ms", "1 S", "1 US", "1 us us",
    "1 us^1", "1 1us", "1 us\x1b[31m", "٣ us", "1_0 us",
    "1 " + "(" * 300 + "us" + ")" * 300, "1 " + "s*" * 5000 + "s", "1 " + "u" * 100_000,
]  # fmt: skip
NO_RATES = [
    "2000 mbit/s",
    "5000 mbps",
    "1 bit*s",
    "1 bit Hz",
    "1 bit/s*J/J",
    "1 Bps",
    "1 Mb/s",
    "1 s/bit",
    "1 /s",
    "1 bit/",
]
NO_ENERGIES = ["1 W/s", "1 Wh", "1 eV", "1 J*bit/bit", "1 s*W*s", "1 s W", "1 W"]

WRONG = ["20", 20, 1.5, True, None, [], "", "us", "20 kg", "-1 s", "nan s", "inf s", "1 s extra", "1 m"]


@pytest.mark.parametrize("value", [*WRONG, *NO_UNITS, "1 J", "1 bit/s", "1e9 s", "1e999999999 s", False, 0.0])
def test_wrong_durations_say_what_is_accepted(value: object) -> None:
    with pytest.raises(InputError, match='accepted: a duration such as "20 us"'):
        units.parse_duration(value)


@pytest.mark.parametrize(
    "value", [*WRONG, *NO_UNITS, *NO_RATES, 0, "0 bit/s", "-1 bit/s", "10 MHz", "10 Mbit", "1e400 bit/s"]
)
def test_wrong_rates_say_what_is_accepted(value: object) -> None:
    with pytest.raises(InputError, match="accepted: a bit rate above 0"):
        units.parse_rate(value)


@pytest.mark.parametrize("value", [*WRONG, *NO_UNITS, *NO_ENERGIES, 3, "3 W", "-1 pJ", "1e400 J"])
def test_wrong_energies_say_what_is_accepted(value: object) -> None:
    with pytest.raises(InputError, match="accepted: an energy"):
        units.parse_energy(value)


@given(st.integers(0, units.LONGEST))
def test_durations_survive_writing_and_reading(picoseconds: int) -> None:
    assert units.parse_duration(units.format_duration(picoseconds)) == picoseconds


@given(st.floats(min_value=0, exclude_min=True, allow_infinity=False))
def test_rates_survive_writing_and_reading(rate: float) -> None:
    assert units.parse_rate(units.format_rate(rate)) == rate


@given(st.floats(min_value=0, allow_infinity=False))
def test_energies_survive_writing_and_reading(energy: float) -> None:
    assert units.parse_energy(units.format_energy(energy)) == energy


@pytest.mark.parametrize(
    ("picoseconds", "text"),
    [(20_000_000, "20 us"), (1, "1 ps"), (1500, "1.5 ns"), (10**13, "10 s"), (123456, "123.456 ns")],
)
def test_durations_are_written_with_a_fitting_unit(picoseconds: int, text: str) -> None:
    assert units.format_duration(picoseconds) == text


@given(st.integers(0, 2**63 - 1))
def test_seconds_are_rounded_once(picoseconds: int) -> None:
    assert units.seconds(picoseconds) == float(Fraction(picoseconds, units.SECOND))
    assert units.seconds(np.int64(picoseconds)) == units.seconds(picoseconds)  # type: ignore[arg-type]
