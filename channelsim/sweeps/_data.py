"""The data of a sweep's points, and their files of weights: what they are now, so that no point counts as done that was
computed on others."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace

from channelsim.data import Dataset, load_each
from channelsim.errors import InputError
from channelsim.identity import files, named_files
from channelsim.scenario import Data
from channelsim.sweeps._grid import Point

DECIDED_LATER = {"flip", "shift"}  # keys of [data] that change images as they are shown, and not the arrays


def key_of(data: Data) -> str:
    """What a [data] table's arrays depend on beside the files, as JSON."""
    return json.dumps(data.model_dump(mode="json", exclude=DECIDED_LATER), sort_keys=True)


def key_of_file(key: str, path: str) -> str:
    """What stands for a file of weights that a key of a scenario names, as JSON."""
    return json.dumps({"key": key, "name": path}, sort_keys=True)


def identified(points: Sequence[Point], note: Callable[[str], None]) -> tuple[list[Point], dict[str, dict[str, str]]]:
    """The points with the digests of their data, and these digests by `key_of` the data, those of files of weights by
    `key_of_file`.

    Each set is read once, however many parts of it are used; its warnings go to `note`. What cannot be loaded is left
    out: its points fail and say why.
    """
    tables = {key_of(point.scenario.data): point.scenario.data for point in points if point.scenario is not None}
    found: dict[str, dict[str, str]] = {}
    told: set[str] = set()
    for data, dataset in load_each(tables.values()):
        if isinstance(dataset, Dataset):
            found[key_of(data)] = dataset.digests
            for text in dataset.warnings:
                warning = f"warning: {data.name}: {text}"
                if warning not in told:
                    note(warning)
                told.add(warning)
    with_data = []
    for point in points:
        if point.scenario is not None:
            with suppress(InputError):
                paths = named_files(point.scenario)
                for name, digest in files(point.scenario).items():
                    found[key_of_file(name, paths[name])] = {name: digest}
            point = replace(point, data=found.get(key_of(point.scenario.data)))
        with_data.append(point)
    return with_data, found
