"""What must hold between the keys of a [data] table that say where its samples are, and between samples that stand in
it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from channelsim.data import Samples
from channelsim.scenario._table import Path

Problem = tuple[Path, str]
INLINE = "inline"
"""What samples that stand in the scenario itself are called."""


def source_problems(data: Samples, name: str, elsewhere: Sequence[str], accepted: str) -> list[Problem]:
    """What contradicts something else. `elsewhere`: the keys that are set of those that name other sources than `name`
    and the samples themselves; `accepted`: what `name` accepts."""
    given = [key for key in ("train_x", "train_y", "test_x", "test_y") if getattr(data, key) is not None]
    named = [f"name = {name!r}"] if name != INLINE else list(elsewhere[:1])
    others = [*(elsewhere if name != INLINE else elsewhere[1:]), *given]
    if named:
        return [((key,), f" is given, and so is {named[0]}; accepted: one of them") for key in others[:1]]
    if not given:
        return [(("name",), f" is missing; accepted: {accepted}")]
    if data.train_x is None:
        return [(("train_x",), f" is missing beside {given[0]}; accepted: a list of input values for each sample")]
    return [*_part(data, "train"), *(_part(data, "test") if "test_x" in given or "test_y" in given else ())]


def _part(data: Samples, part: str) -> list[Problem]:
    """What is wrong with the samples of one part."""
    x, y = getattr(data, f"{part}_x"), getattr(data, f"{part}_y")
    if x is None:
        return [((f"{part}_x",), f" is missing beside {part}_y; accepted: a list of input values for each target")]
    assert data.train_x is not None
    found = _lengths(f"{part}_x", x, len(data.train_x[0]))
    if data.target == "input":
        if y is not None:
            text = ' is given, but with target = "input" the samples are the targets; accepted: one of them'
            found.append(((f"{part}_y",), text))
        return found
    if y is None:
        text = f' is missing beside {part}_x; accepted: a target for each sample, or target = "input"'
        return [*found, ((f"{part}_y",), text)]
    if len(y) != len(x):
        text = f" has {len(y)} targets for the {len(x)} samples of {part}_x; accepted: one for each"
        found.append(((f"{part}_y",), text))
    first = (data.train_y or y)[0]
    if isinstance(first, tuple):
        return found + _lengths(f"{part}_y", y, len(first))
    vectors = [i for i, target in enumerate(y) if isinstance(target, tuple)]
    if vectors:
        text = " is a list, but train_y[0] a number; accepted: targets of one kind"
        found.append(((f"{part}_y", vectors[0]), text))
    return found


def _lengths(key: str, rows: Sequence[Any], length: int) -> list[Problem]:
    """The first row that has not as many values as the first of the training set."""
    for i, row in enumerate(rows):
        if not isinstance(row, tuple) or len(row) != length:
            has = f" has {len(row)} values" if isinstance(row, tuple) else " is a number"
            plural = "" if length == 1 else "s"
            return [((key, i), f"{has}, but train{key[-2:]}[0] has {length}; accepted: {length} value{plural}")]
    return []
