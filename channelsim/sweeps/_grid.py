"""From a [sweep] table to points, each a scenario of its own."""

from __future__ import annotations

import hashlib
import itertools
import json
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from channelsim import elementary, hashing, parts
from channelsim.errors import InputError
from channelsim.hashing import Stream
from channelsim.identity import files, own_parts
from channelsim.scenario import Draw, Grid, Scenario, parse_key, with_unit


@dataclass(frozen=True, eq=False)
class Point:
    """One run of a sweep.

    Attributes:
        name: 12 hexadecimal digits, the digest of its scenario and of the files that it names: equal points
            have one name, whatever sweep they are of.
        values: dotted key -> value, of the swept keys; of a point without a scenario that of seed, too.
        scenario: None if the values do not go together.
        reason: why they do not.
        data: digests of the data that it is to be computed on (`Dataset.digests`); None if they could not be loaded.
        files: the Python files of the user's own parts, path -> text: a worker need not have them.
    """

    name: str
    values: Mapping[str, Any]
    scenario: Scenario | None
    reason: str = ""
    data: Mapping[str, str] | None = None
    files: Mapping[str, bytes] = field(default_factory=dict)


def points(scenario: Scenario) -> list[Point]:
    """The points of a scenario's sweep, in the order of the grid, each once; without [sweep] one point.

    Values that contradict each other make a point without a scenario, which is recorded as failed.

    Raises InputError if a value fits at none of the points where it is listed, for then it is a mistake.
    """
    grid = scenario.grid()
    found: dict[str, Point] = {}
    fits: dict[tuple[str, str], bool] = {}
    why: dict[tuple[str, str], str] = {}
    listed = {key for axis in grid.axes for key in axis.keys}
    for values in _assignments(grid, scenario.seed):
        point = _point(scenario, values)
        found.setdefault(point.name, point)
        for key, value in values.items():
            if key in listed:
                place = (key, json.dumps(value, sort_keys=True, default=str))
                fits[place] = fits.get(place, False) or point.scenario is not None
                why.setdefault(place, point.reason)
    for (key, value), fit in fits.items():
        if not fit:
            raise InputError(f"sweep: {key} = {value} fits nowhere: {why[key, value]}")
    if not any(point.scenario for point in found.values()):
        raise InputError(f"sweep: no point can be run: {next(iter(found.values())).reason}")
    return list(found.values())


def _point(scenario: Scenario, values: Mapping[str, Any]) -> Point:
    try:
        # A rate for all layers comes before that of one of them.
        ordered = sorted(values.items(), key=lambda item: len(parse_key(item[0])))
        inner = scenario.with_({**dict(ordered), "sweep": {}})
    except InputError as error:
        # Nothing that could be computed: what was asked for has to name it.
        asked = json.dumps([scenario.digest(), values], sort_keys=True, default=str)
        name = hashlib.sha256(asked.encode()).hexdigest()[:12]
        return Point(name, {"seed": scenario.seed, **values}, None, str(error))
    digest = name_of(inner)
    files = {file: parts.text_of(file) for file in inner.own_files()}
    return Point(digest, values, inner.with_({"name": f"{scenario.name[:180]}-{digest}"}), files=files)


def name_of(scenario: Scenario) -> str:
    """A point's name: another one when a file that it names has changed."""
    digest = scenario.digest()
    try:
        named = {**files(scenario), **own_parts(scenario)}
    except InputError:  # the run says what is wrong
        named = {}
    return hashlib.sha256(json.dumps([digest, named]).encode()).hexdigest()[:12] if named else digest


def _assignments(grid: Grid, seed: int) -> Iterator[dict[str, Any]]:
    """The values of each point: the product of the axes, the last one fastest, and of the joint draws."""
    steps = [[dict(zip(axis.keys, step, strict=True)) for step in axis.steps] for axis in grid.axes]
    if grid.draws:
        steps.append([{draw.key: drawn(draw, seed, i) for draw in grid.draws} for i in range(grid.samples)])
    for combination in itertools.product(*steps):
        yield {key: value for part in combination for key, value in part.items()}


def drawn(draw: Draw, seed: int, sample: int) -> Any:
    """Draw number `sample` of a key: it depends on the key and the scenario's seed, and not on other keys or samples.

    So a sweep with more samples, or with one more key that is drawn, has the same values where it had some.
    """
    stream = hashing.key(seed, Stream.SWEEP.of(), zlib.crc32(draw.key.encode()))
    word = hashing.bits(stream, np.array([sample]))
    u = float(hashing.uniform(word)[0])
    if draw.kind == "choice":
        return draw.of[int(u * len(draw.of))]
    low, high = draw.of
    if draw.kind == "integers":  # in integers, as there may be more than 2^53 of them
        return with_unit(low + (int(word[0]) * (high - low + 1) >> 64), draw.unit)
    if draw.kind == "loguniform":
        number = low * float(elementary.exp(u * elementary.log(high / low)))
    else:
        number = low + u * (high - low)
    # 6 digits: enough for a sample, and short in tables and legends.
    return with_unit(min(max(float(f"{number:.6g}"), low), high), draw.unit)
