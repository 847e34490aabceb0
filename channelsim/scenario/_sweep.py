"""The [sweep] table: which keys vary, over what values, and which of them together.

A key stands for itself with a list of values, a range of numbers, or a distribution to draw from:

    [sweep]
    "learning.rule" = ["bp", "rbp", "srbp"]
    "training.learning_rate" = { logspace = [0.01, 1.0, 5] }
    seed = { range = [1, 5] }
    zip = [["learning.rule", "learning.derivative"]]

`read` checks the table against the keys that a scenario has; what it returns is turned into points by
`channelsim.sweeps`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from difflib import get_close_matches
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

import numpy as np
from pydantic import BaseModel

from channelsim.errors import InputError
from channelsim.scenario._document import parse_key
from channelsim.scenario._own import Own
from channelsim.scenario._table import Path, TableError, dotted, keys_of, nearest, plain, shown

LISTED = ("range", "linspace", "logspace")
DRAWN = ("uniform", "loguniform", "integers", "choice")
RESERVED = ("zip", "samples")
FIXED = ("name", "trace", "sweep")  # nothing that is computed depends on them
MOST_POINTS = 100_000

VALUES = (
    "a list of values; or one of { range = [first, last, step] }, { linspace = [first, last, count] }, "
    "{ logspace = [first, last, count] }; or with samples = N one of { uniform = [low, high] }, "
    "{ loguniform = [low, high] }, { integers = [low, high] }, { choice = [values] }"
)


@dataclass(frozen=True)
class Axis:
    """Keys that vary together (one, or those of a zip) and the values that they take, a tuple a step."""

    keys: tuple[str, ...]
    steps: tuple[tuple[Any, ...], ...]


@dataclass(frozen=True)
class Draw:
    """A key whose values are drawn at random.

    `kind` is uniform, loguniform, integers or choice; `of` are its two bounds, or the values to choose from.
    With a `unit` the value is text such as "20 us".
    """

    key: str
    kind: str
    of: tuple[Any, ...]
    unit: str | None = None


@dataclass(frozen=True)
class Grid:
    """A sweep as written: the product of all axes, and of the `samples` joint draws if there are any."""

    axes: tuple[Axis, ...]
    draws: tuple[Draw, ...]
    samples: int

    @property
    def keys(self) -> tuple[str, ...]:
        """All swept keys, dotted."""
        return (*(key for axis in self.axes for key in axis.keys), *(draw.key for draw in self.draws))

    @property
    def size(self) -> int:
        """Number of points, before equal ones are put together."""
        size = self.samples if self.draws else 1
        for axis in self.axes:
            size *= len(axis.steps)
        return size


def read(table: Mapping[str, Any], kind: type[BaseModel]) -> Grid:
    """The grid that a [sweep] table describes, its keys checked against those of `kind` (Scenario).

    Raises TableError, whose paths start within the table, for an unknown key, an empty or wrong list of values,
    a zip of unequal lengths, and draws without `samples` or the other way round.
    """
    problems: list[tuple[Path, str]] = []
    listed: dict[str, tuple[Any, ...]] = {}
    draws: list[Draw] = []
    for written, parts, value in _entries(table):
        key = dotted(parts)
        try:
            if key in listed or any(draw.key == key for draw in draws):
                raise InputError(f' is given twice; accepted: once, as "{key.replace(chr(34), chr(39))}"')
            check_key(kind, parts)
            if isinstance(value, Mapping) and any(word in DRAWN for word in value):
                draws.append(_draw(key, value))
            else:
                listed[key] = _values(value)
        except InputError as error:
            problems.append((written, str(error)))
    if problems:
        raise TableError(problems)
    axes = _axes(listed, table.get("zip", []), [draw.key for draw in draws])
    grid = Grid(axes, tuple(draws), _samples(table, draws))
    if grid.size > MOST_POINTS:
        raise TableError([((), f" has {grid.size:,} points; accepted: at most {MOST_POINTS:,}")])
    return grid


def _entries(table: Mapping[str, Any]) -> Iterator[tuple[Path, list[str], Any]]:
    """(path as written, parts of the key, value); keys are quoted ("learning.rule") or plain TOML dotted keys."""
    for word, value in table.items():
        if word in RESERVED:
            continue
        try:
            parts = parse_key(word)
        except InputError as error:
            raise TableError([((word,), f": {error}")]) from None
        yield from _nested((word,), parts, value)


def _nested(written: Path, parts: list[str], value: Any) -> Iterator[tuple[Path, list[str], Any]]:
    if isinstance(value, Mapping) and value and not any(_is_generator(word) for word in value):
        for word, inner in value.items():
            yield from _nested((*written, word), [*parts, word], inner)
    else:
        yield written, parts, value


def _is_generator(word: str) -> bool:
    """Whether a word of a table is meant as one of range, linspace, ..., mistyped or not; else it is part of a key."""
    return bool(get_close_matches(word, (*LISTED, *DRAWN), n=1, cutoff=0.75))


# --- values -----------------------------------------------------------------------------------------------


def _values(value: Any) -> tuple[Any, ...]:
    if isinstance(value, list | tuple):
        if not value:
            raise InputError(" = []: no values; accepted: a list of one or more")
        return tuple(plain(item) for item in value)
    if not isinstance(value, Mapping):
        raise InputError(f" = {shown(value)}; accepted: {VALUES}")
    word, bounds, unit = _generator(value, LISTED)
    if word == "range":
        numbers = _range(*_numbers(value, word, bounds, (2, 3)))
    else:
        first, last, count = _numbers(value, word, bounds, (3, 3))
        if not isinstance(count, int) or count < 1 or count > MOST_POINTS:
            raise InputError(f" = {shown(value)}: a count of {count}; accepted: an integer from 1 to {MOST_POINTS}")
        if word == "logspace" and (first <= 0 or last <= 0):
            raise InputError(f" = {shown(value)}: a logarithm of 0 or less; accepted: first and last above 0")
        space = np.linspace if word == "linspace" else np.geomspace
        # 12 digits: 0.1 rather than 0.10000000000000002, so that a table and a legend can show it.
        numbers = [_tidy(float(f"{number:.12g}")) for number in space(float(first), float(last), count)]
    return tuple(with_unit(number, unit) for number in numbers)


def _tidy(number: float) -> int | float:
    """Whole numbers as integers, which keys such as training.batch ask for."""
    return int(number) if number.is_integer() else number


def _range(first: float, last: float, step: float = 1) -> list[int | float]:
    """first, first + step, ..., `last` included, in decimal arithmetic: 0.1 and three steps of 0.1 are 0.4."""
    exact = [Decimal(repr(number)) for number in (first, last, step)]
    if step == 0 or (exact[1] - exact[0]) * exact[2] < 0:
        raise InputError(f": a range from {first} to {last} in steps of {step} is empty; accepted: a step towards last")
    count = int((exact[1] - exact[0]) / exact[2]) + 1
    if count > MOST_POINTS:
        raise InputError(f": a range of {count:,} values; accepted: at most {MOST_POINTS:,}")
    whole = all(isinstance(number, int) for number in (first, last, step))
    return [int(value) if whole else float(value) for value in (exact[0] + i * exact[2] for i in range(count))]


def _draw(key: str, value: Mapping[str, Any]) -> Draw:
    word, bounds, unit = _generator(value, DRAWN)
    if word == "choice":
        if not isinstance(bounds, list | tuple) or not bounds:
            raise InputError(f" = {shown(value)}; accepted: choice = [values], one or more")
        return Draw(key, word, tuple(with_unit(plain(item), unit) for item in bounds))
    low, high = _numbers(value, word, bounds, (2, 2))
    if low > high or (word == "loguniform" and low <= 0):
        above = "0 < low <= high" if word == "loguniform" else "low <= high"
        raise InputError(f" = {shown(value)}; accepted: {word} = [low, high] with {above}")
    if word == "integers" and not (isinstance(low, int) and isinstance(high, int)):
        raise InputError(f" = {shown(value)}; accepted: integers = [low, high], both whole numbers")
    return Draw(key, word, (low, high), unit)


def _generator(value: Mapping[str, Any], words: Sequence[str]) -> tuple[str, Any, str | None]:
    """The one word of a generator's table, what it is given, and the unit."""
    given = [word for word in value if word != "unit"]
    unit = value.get("unit")
    if len(given) != 1 or given[0] not in words or not isinstance(unit, str | NoneType):
        extra = next((word for word in given if word not in (*LISTED, *DRAWN)), "")
        raise InputError(f" = {shown(dict(value))}{nearest(extra, (*LISTED, *DRAWN, 'unit'))}; accepted: {VALUES}")
    return given[0], value[given[0]], unit


def _numbers(value: Mapping[str, Any], word: str, bounds: Any, length: tuple[int, int]) -> list[Any]:
    names = {"range": "[first, last] or [first, last, step]", "linspace": "[first, last, count]"}
    names |= {"logspace": "[first, last, count]"}
    numbers = [plain(item) for item in bounds] if isinstance(bounds, list | tuple) else []
    right = all(isinstance(item, int | float) and not isinstance(item, bool) for item in numbers)
    finite = right and all(abs(item) < float("inf") for item in numbers)
    if not finite or not length[0] <= len(numbers) <= length[1]:
        raise InputError(f" = {shown(dict(value))}; accepted: {word} = {names.get(word, '[low, high]')}, numbers")
    return numbers


def with_unit(value: Any, unit: str | None) -> Any:
    """`value` as the scenario's keys take it: 20 with the unit "us" is "20 us"."""
    return value if unit is None else f"{value} {unit}"


# --- what goes together -----------------------------------------------------------------------------------


def _axes(listed: Mapping[str, tuple[Any, ...]], groups: Any, drawn: Sequence[str]) -> tuple[Axis, ...]:
    """An axis for each zip and each key that is in none, in the order in which the keys are written."""
    place: Path = ("zip",)
    if isinstance(groups, list) and groups and all(isinstance(key, str) for key in groups):
        groups = [groups]
    right = isinstance(groups, list) and all(
        isinstance(group, list) and len(group) > 1 and all(isinstance(key, str) for key in group) for group in groups
    )
    if not right:
        raise TableError([(place, f' = {shown(groups)}; accepted: lists of swept keys, [["key", "key"], ...]')])
    member: dict[str, tuple[str, ...]] = {}
    for group in groups:
        keys = tuple(dotted(parse_key(key)) for key in group)
        for key in keys:
            if key not in listed:
                near = nearest(key, listed)
                why = "is drawn, and what is drawn goes together already" if key in drawn else f"is not swept{near}"
                raise TableError([(place, f": {key} {why}; accepted: keys with a list, {', '.join(listed)}")])
            if key in member or keys.count(key) > 1:
                raise TableError([(place, f": {key} is named twice; accepted: each key once")])
        lengths = {key: len(listed[key]) for key in keys}
        if len(set(lengths.values())) > 1:
            counts = ", ".join(f"{key} has {count} values" for key, count in lengths.items())
            raise TableError([(place, f": {counts}; accepted: as many for each")])
        member |= dict.fromkeys(keys, keys)
    together = dict.fromkeys(member.get(key, (key,)) for key in listed)
    return tuple(Axis(keys, tuple(zip(*(listed[key] for key in keys), strict=True))) for keys in together)


def _samples(table: Mapping[str, Any], draws: Sequence[Draw]) -> int:
    samples = table.get("samples", 0)
    if "samples" not in table:
        if draws:
            text = f" is missing; accepted: an integer, how often {draws[0].key} is drawn"
            raise TableError([(("samples",), text)])
    elif not draws:
        text = f" = {shown(samples)}: no key is drawn; accepted: with a key = {{ uniform = [low, high] }} or the like"
        raise TableError([(("samples",), text)])
    elif not isinstance(samples, int) or isinstance(samples, bool) or samples < 1:
        raise TableError([(("samples",), f" = {shown(samples)}; accepted: an integer of 1 or more")])
    return int(samples)


# --- keys -------------------------------------------------------------------------------------------------


def check_key(kind: type[BaseModel], parts: Sequence[str]) -> None:
    """Raises InputError if a scenario has no key with this path, or none that a result depends on."""
    if parts[0] in FIXED:
        raise InputError(" is nothing that a result depends on; accepted: a key of another table")
    kinds: list[Any] = [kind]
    for depth, part in enumerate(parts):
        inner = [found for one in kinds for found in _inside(one, part)]
        if not inner:
            known = sorted({name for one in kinds for name in _known(one)})
            here = f" in {dotted(parts[:depth])}" if depth else ""
            if not known:
                raise InputError(f" is unknown: {dotted(parts[:depth])} is no table; accepted: {dotted(parts[:depth])}")
            near = nearest(part, known)
            if depth:
                near = near.replace("mean ", f"mean {dotted(parts[:depth])}.")
            raise InputError(f" is unknown{near}; accepted{here}: {', '.join(known)}")
        kinds = inner


def _branches(annotation: Any) -> Iterator[Any]:
    """The types that an annotation allows, without what Annotated adds."""
    if get_origin(annotation) in (Union, UnionType):
        for branch in get_args(annotation):
            yield from _branches(branch)
    elif hasattr(annotation, "__metadata__"):
        yield from _branches(annotation.__origin__)
    elif annotation is not NoneType:
        yield annotation


def _inside(kind: Any, part: str) -> list[Any]:
    """The types of a key within a value of type `kind`; none if it can have no such key."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        keys = keys_of(kind)
        if part in keys:
            return list(_branches(keys[part].annotation))
        return [float] if kind.model_config.get("extra") == "allow" else []  # a parameter of the user's own part
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is dict:
        return list(_branches(arguments[1]))
    if origin in (tuple, list) and part.isdecimal():
        return list(_branches(arguments[0]))
    if origin is tuple and arguments[0] is Own:  # of one stage, which need not be in a list
        return _inside(Own, part)
    return []


def _known(kind: Any) -> list[str]:
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return [name for name in keys_of(kind) if name not in FIXED]
    return ["0, 1, ..."] if get_origin(kind) in (tuple, list) and get_origin(kind) is not Literal else []
