"""The data of a sweep's points, and their files of weights: what they are now, so that no point counts as done that was
computed on others."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from channelsim.data import Dataset, load_each
from channelsim.errors import InputError
from channelsim.identity import files, named_files
from channelsim.scenario import Data, Scenario
from channelsim.sweeps._grid import Point

DECIDED_LATER = {"flip", "shift"}  # keys of [data] that change images as they are shown, and not the arrays


def key_of(data: Data) -> str:
    """What a [data] table's arrays depend on beside the files, as JSON."""
    return json.dumps(data.model_dump(mode="json", exclude=DECIDED_LATER), sort_keys=True)


def kept(scenario: Scenario, dataset: Dataset, directory: Path) -> Scenario:
    """The scenario on a data set given in Python, which is kept as an .npz in the sweep's directory, where workers find
    it. Raises InputError where a file cannot say what the set is."""
    if not dataset.real and dataset.classes != int(dataset.train_y.max()) + 1:
        raise InputError(
            f"sweep: dataset has {dataset.classes} classes, and its largest training label is {dataset.train_y.max()};"
            " accepted: training labels of the last class"
        )
    arrays: dict[str, NDArray[Any]] = {}
    for part in ("train", "test", "validation"):
        x, y = getattr(dataset, f"{part}_x"), getattr(dataset, f"{part}_y")
        if len(x):
            arrays |= {f"{part}_x": x.reshape(len(x), *dataset.shape), f"{part}_y": y}
    digest = hashlib.sha256(json.dumps(dataset.digests, sort_keys=True).encode()).hexdigest()[:12]
    path = directory / f".{digest}.npz"
    if not path.exists():
        directory.mkdir(parents=True, exist_ok=True)
        fresh = path.with_name(f".{path.name}.part.npz")
        np.savez(fresh, **arrays)  # type: ignore[arg-type]
        os.replace(fresh, path)
    target = "real" if dataset.real else "classes"
    here = dict.fromkeys(("train", "test", "idx", "dataset", "train_x", "train_y", "test_x", "test_y"), "none")
    as_it_is = {"scale": "none", "normalize": False, "validation": 0, "target": target}
    return scenario.with_({"data": {"name": str(path), **here, **as_it_is}})


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
                warning = f"warning: {data.called}: {text}"
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
