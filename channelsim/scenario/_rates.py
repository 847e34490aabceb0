"""Learning rates: one for all layers, or a table with one for each layer that has its own."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema

from channelsim.errors import InputError
from channelsim.scenario._table import Path, Table, TableError, plain, shown

DEFAULT = "default"
ACCEPTED = "a number above 0 and below 1e38, or a table of layers' rates such as { default = 0.1, 2 = 0.0 }"
LARGEST = 1e38  # a rate is a float32
RATE_TABLES = (("training", "learning_rate"), ("learning", "learning_rate"))
"""The keys of a scenario that take such a table or a number."""


def _rates(value: Any) -> Any:
    """A table checked: its keys as text, its values as floats; a number as it is."""
    if not isinstance(value, Mapping):
        return value
    problems: list[tuple[Path, str]] = []
    rates: dict[str, float] = {}
    for written, entry in value.items():
        key, rate = str(written), plain(entry)
        if key != DEFAULT and not re.fullmatch(r"[1-9][0-9]*", key):
            problems.append(((key,), " is unknown; accepted here: default, or the number of a layer, from 1"))
        elif isinstance(rate, bool) or not isinstance(rate, int | float) or not 0 <= rate < LARGEST:
            problems.append(
                ((key,), f" = {shown(entry)}; accepted: a number of at least 0 and below 1e38 (0: a frozen layer)")
            )
        else:
            rates[key] = float(rate)
    if problems:
        raise TableError(problems)
    if not rates:
        raise InputError(f"no rates; accepted: {ACCEPTED}")
    return rates


Rates = Annotated[
    Annotated[float, Field(gt=0, lt=LARGEST)] | dict[str, float],
    BeforeValidator(_rates),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": LARGEST},
                {
                    "type": "object",
                    "properties": {DEFAULT: {"type": "number", "minimum": 0, "exclusiveMaximum": LARGEST}},
                    "patternProperties": {
                        "^[1-9][0-9]*$": {"type": "number", "minimum": 0, "exclusiveMaximum": LARGEST}
                    },
                    "additionalProperties": False,
                    "minProperties": 1,
                },
            ],
            "x-accepted": ACCEPTED,
        }
    ),
]
"""One rate for all layers (above 0), or those of single layers by their numbers; 0: nothing of that layer learns."""


class RateDecay(Table):
    """How learning rates fall: what is left of them in frame k, with d = per_update."""

    per_update: Annotated[float, Field(ge=0, lt=1)]
    """d, as a share of the first rate."""
    form: Literal["factor", "linear", "inverse"] = "factor"
    """factor: (1 - d)^k; linear: 1 - d k, and 0 from k = 1 / d on; inverse: 1 / (1 + d k)."""


def _decay(value: Any) -> Any:
    return value if isinstance(value, Mapping | RateDecay) else {"per_update": plain(value)}


RateDecays = Annotated[
    RateDecay, BeforeValidator(_decay, json_schema_input_type=Annotated[float, Field(ge=0, lt=1)] | RateDecay)
]
"""A number, which is a factor's, or a table."""


def rate_of(rates: float | Mapping[str, float] | None, layer: int, default: float) -> float:
    """The rate of one layer; `default` where nothing is said about it."""
    if isinstance(rates, Mapping):
        return rates.get(str(layer), rates.get(DEFAULT, default))
    return default if rates is None else rates


def layers_of(rates: float | Mapping[str, float] | None) -> list[int]:
    """The layers that have a rate of their own."""
    return [int(key) for key in rates if key != DEFAULT] if isinstance(rates, Mapping) else []
