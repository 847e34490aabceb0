"""A checkpoint is held against its run: one of another version, scenario or run is not resumed from."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import channelsim as cs
from channelsim import simulation
from channelsim.trace import _seal
from tests.run.runs import ONLINE, PIPELINED, SEQUENTIAL, Stopping, small


def changed(path: Path, change: Callable[[h5py.File], None]) -> Path:
    """The trace with a change, and a checksum that is right again."""
    with h5py.File(path, "r+") as file:
        change(file)
    _seal.reseal(path)
    return path


def half(path: Path, tables: dict[str, Any]) -> Path:
    with pytest.raises(KeyboardInterrupt):
        cs.run(small(tables), path, progress=Stopping(30))
    return path


def with_text(old: str, new: str) -> Callable[[h5py.File], None]:
    def change(file: h5py.File) -> None:
        text = file["scenario/json"].asstr()[()]
        assert old in text
        del file["scenario/json"]
        file["scenario/json"] = text.replace(old, new)

    return change


def test_a_run_of_another_version_is_not_resumed(tmp_path: Path) -> None:
    path = changed(
        half(tmp_path / "run.h5", SEQUENTIAL), lambda file: file["provenance"].attrs.modify("channelsim", "0.0.9")
    )
    words = (
        r"run\.h5: begun with channelsim 0\.0\.9, this is .*; accepted: to go on with that version, or the whole run"
    )
    with pytest.raises(cs.InputError, match=words):
        cs.run(resume=path)
    with cs.Trace(path) as trace:  # what has been recorded can be read
        assert trace.status == "interrupted"


def test_a_checkpoint_is_bound_to_its_scenario(tmp_path: Path) -> None:
    for tables, old, new in (
        (ONLINE, '"momentum": 0.0', '"momentum": 0.9'),
        (SEQUENTIAL, '"epochs": 4', '"epochs": 5'),
        (PIPELINED, '"stash": 4', '"stash": 40'),
    ):
        path = half(tmp_path / f"{old[1:4]}.h5", tables)
        changed(path, with_text(old, new))
        with pytest.raises(
            cs.InputError, match=r"damaged \(/scenario/json is not the scenario that it was begun with\)"
        ):
            cs.run(resume=path)


def test_a_checkpoint_of_another_run_is_not_taken(tmp_path: Path) -> None:
    one, other = half(tmp_path / "one.h5", SEQUENTIAL), half(tmp_path / "other.h5", ONLINE)

    def exchange(file: h5py.File) -> None:
        del file["checkpoint"]
        with h5py.File(other) as source:
            source.copy("checkpoint", file)

    with pytest.raises(cs.InputError, match=r"one\.h5: damaged \(/checkpoint: .*\); accepted: a whole trace"):
        cs.run(resume=changed(one, exchange))


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("epoch_rows", np.zeros((3, len(simulation.ROW))), "epoch_rows has 3 epochs, and [0-9]+ frames have entered"),
        ("epoch_rows", np.zeros((1, 9)), "epoch_rows is not of the type and shape"),
        ("epoch_start", np.array(-1), "epoch_start is out of range"),
        ("wall_times", None, "wall_times is missing"),
        ("more", np.zeros(3), "more is not part of one"),
    ],
)
def test_what_a_run_adds_to_a_checkpoint_is_held_against_it(
    tmp_path: Path, name: str, value: np.ndarray | None, told: str
) -> None:
    def change(file: h5py.File) -> None:
        if name in file["checkpoint"]:
            del file["checkpoint"][name]
        if value is not None:
            file["checkpoint"][name] = value

    with pytest.raises(cs.InputError, match=rf"damaged \(/checkpoint: {told}"):
        cs.run(resume=changed(half(tmp_path / "run.h5", SEQUENTIAL), change))
