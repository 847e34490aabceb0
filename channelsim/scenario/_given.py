"""Weights that are given: files to read W, b and C from, and numbers that stand in the scenario itself."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from channelsim.errors import InputError
from channelsim.paths import path_of

TRACE, NPZ, TORCH = (".h5",), (".npz",), (".pt", ".pth")


def _file(name: str) -> str:
    """The absolute path of a file of a kind that is read."""
    if not name.endswith((*TRACE, *NPZ, *TORCH)):
        raise InputError(
            "no file of weights; accepted: a trace (.h5), an .npz, or a state dict of PyTorch (.pt or .pth)"
        )
    return str(path_of(name).absolute())


WeightsFile = Annotated[
    str,
    AfterValidator(_file),
    WithJsonSchema({"type": "string", "pattern": r"\.(h5|npz|pt|pth)$", "x-accepted": "the path of a file of weights"}),
]
"""A trace, an .npz or a state dict of PyTorch; relative to the file that names it."""


def _tuples(value: Any) -> Any:
    """Lists and arrays as tuples, whatever their depth: strict validation tells them apart."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    return tuple(map(_tuples, value)) if isinstance(value, list | tuple) else value


Tuples = BeforeValidator(_tuples)
_Number = Annotated[float, Field(gt=-1e38, lt=1e38)]
Numbers = Annotated[
    tuple[_Number, ...],
    Tuples,
    Field(min_length=1, json_schema_extra={"x-accepted": "a list of numbers"}),
]
Matrix = Annotated[
    tuple[tuple[_Number, ...], ...],
    Tuples,
    Field(min_length=1, json_schema_extra={"x-accepted": "a list of rows, which are lists of numbers"}),
]


def misfit(matrix: tuple[tuple[float, ...], ...], shape: tuple[int, int], rows: str, columns: str) -> str:
    """What is wrong with the shape of a matrix, as it follows its key in an error; empty where nothing is."""
    widths = sorted({len(row) for row in matrix})
    if (len(matrix), widths) == (shape[0], [shape[1]]):
        return ""
    found = f"{len(matrix)} x {widths[0]}" if len(widths) == 1 else f"rows of {widths[0]} to {widths[-1]} numbers"
    return f" is {found}; accepted: {shape[0]} x {shape[1]}, a row for each {rows}, in it a number for each {columns}"


def epoch_problems(file: str | None, epoch: int | None) -> list[tuple[tuple[str | int, ...], str]]:
    """The problem with an epoch where there is no trace to have it."""
    if epoch is None or (file is not None and file.endswith(TRACE)):
        return []
    return [(("epoch",), f' = {epoch} is one of a trace; accepted: with from = "FILE.h5", or no such key')]


def located(table: Any, folder: Path) -> Any:
    """A table whose path of a weights file is taken relative to `folder`; other tables as they are."""
    if isinstance(table, Mapping) and isinstance(table.get("from"), str) and table["from"] != "none":
        return {**table, "from": str((folder / path_of(table["from"])).absolute())}
    return table
