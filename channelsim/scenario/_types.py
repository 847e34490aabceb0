"""Value types of the scenario's keys: quantities with units, scales, and "none", as TOML has no null."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, PlainSerializer, WithJsonSchema

from channelsim import units
from channelsim.errors import InputError


def _quantity_schema(accepted: str, zero: bool) -> WithJsonSchema:
    text = {"type": "string", "pattern": units.PATTERN}
    schema = {"anyOf": [text, {"const": 0}]} if zero else text
    return WithJsonSchema({**schema, "x-accepted": accepted}, mode="validation")


Duration = Annotated[
    int,
    BeforeValidator(units.parse_duration),
    PlainSerializer(units.format_duration, when_used="json"),
    _quantity_schema(units.DURATION, zero=True),
]
"""Written as "20 us" (or 0), kept as integer picoseconds."""


def _rate(text: object) -> float:
    rate = units.parse_rate(text)
    if rate < 1:
        raise InputError(f"slower than 1 bit/s, which is more than the clock can count; accepted: {units.RATE}")
    return rate


Rate = Annotated[
    float,
    BeforeValidator(_rate),
    PlainSerializer(units.format_rate, when_used="json"),
    _quantity_schema(units.RATE, zero=False),
]
"""Written as "10 Mbit/s", kept as float bit/s."""

Energy = Annotated[
    float,
    BeforeValidator(units.parse_energy),
    PlainSerializer(units.format_energy, when_used="json"),
    _quantity_schema(units.ENERGY, zero=True),
]
"""Written as "0.9 pJ" (or 0), kept as float joules."""

# The plan's tables hold products of such numbers in 64 bits, and factors of messages in float32.
PositiveInt = Annotated[int, Field(ge=1, lt=2**31)]
Count = Annotated[int, Field(ge=0, lt=2**31)]
PositiveFloat = Annotated[float, Field(gt=0, lt=1e38)]
Magnitude = Annotated[float, Field(ge=0, lt=1e38)]
Probability = Annotated[float, Field(ge=0, le=1)]
Scale = Literal["max", "rms"] | PositiveFloat
"""A fixed number, or the largest magnitude ("max") or the root mean square ("rms") of what is sent."""

NoneWord = BeforeValidator(lambda value: None if value == "none" else value)
"""TOML has no null: "none" takes back what the general table says, or a default."""


def listed(value: Any) -> Any:
    """Lists as tuples: strict validation tells them apart, TOML has lists only."""
    return tuple(value) if isinstance(value, list) else value


Listed = BeforeValidator(listed)
