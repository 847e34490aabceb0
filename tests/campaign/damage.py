"""Damaged copies of a trace: one mistake each, made from a seed.

`damaged` never changes the trace itself. Where it says `resealed` the checksum of the copy is right again: such a copy
is what somebody makes on purpose, and only what is in it can give it away.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import h5py
import numpy as np

from channelsim.trace import _bulk, _seal


@dataclass(frozen=True)
class Damage:
    """What was done to a copy: a kind, where, and whether its checksum was set anew."""

    kind: str
    where: str
    resealed: bool

    def __str__(self) -> str:
        return f"{self.kind} at {self.where}{' (resealed)' if self.resealed else ''}"


def damaged(trace: Path, seed: int, copy: Path) -> Damage:
    """Make `copy`, a damaged copy of a trace with its segments."""
    rng = Random(seed)
    _copy(trace, copy)
    kind = rng.choice([*BYTES, *OBJECTS, *OBJECTS])  # objects twice as often: there are more ways to go wrong
    if kind in BYTES:
        return Damage(kind, BYTES[kind](rng, _one_file(rng, copy)), False)
    resealed = rng.random() < 0.7
    target = _one_file(rng, copy)
    with h5py.File(target, "r+") as file:
        where = OBJECTS[kind](rng, file)
    if resealed:
        _reseal(copy, target)
    return Damage(kind, where if target == copy else f"{target.name}, {where}", resealed)


def _reseal(copy: Path, target: Path) -> None:
    """Make the checksum of a file right again: of the trace, or of a segment, which also stands in the trace."""
    _seal.reseal(target)
    if target == copy:
        return
    with h5py.File(copy, "r+") as file:
        seals = json.loads(file.attrs["segments"])
        file.attrs["segments"] = json.dumps(seals | {f"{target.parent.name}/{target.name}": _seal.digits(target)})
    _seal.reseal(copy)


def _copy(trace: Path, copy: Path) -> None:
    shutil.copyfile(trace, copy)
    beside = _bulk.directory(trace)
    if beside.is_dir():  # their names are in the trace, so a copy of it must have its name
        assert copy.name == trace.name
        shutil.copytree(beside, _bulk.directory(copy))


def _one_file(rng: Random, copy: Path) -> Path:
    beside = _bulk.directory(copy)
    return rng.choice([copy, copy, *sorted(beside.glob("*.h5"))])


# --- bytes ------------------------------------------------------------------------------------------------


def _flip(rng: Random, path: Path) -> str:
    content = bytearray(path.read_bytes())
    places = [rng.randrange(len(content)) for _ in range(rng.choice([1, 1, 1, 2, 20]))]
    for place in dict.fromkeys(places):
        content[place] ^= 1 << rng.randrange(8)
    path.write_bytes(content)
    return f"{path.name}, bytes {places}"


def _cut(rng: Random, path: Path) -> str:
    content = path.read_bytes()
    size = rng.randrange(len(content))
    path.write_bytes(content[:size])
    return f"{path.name}, byte {size}"


def _lengthen(rng: Random, path: Path) -> str:
    with path.open("ab") as file:
        file.write(rng.randbytes(rng.choice([1, 7, 4096])))
    return path.name


def _fill(rng: Random, path: Path) -> str:
    """A block of other bytes: zeros, ones, or those of another place."""
    content = bytearray(path.read_bytes())
    size = rng.choice([8, 64, 512, 4096])
    at = rng.randrange(max(len(content) - size, 1))
    other = rng.choice([bytes(size), b"\xff" * size, rng.randbytes(size)])[: len(content) - at]
    if content[at : at + size] == other:
        return _flip(rng, path)
    content[at : at + size] = other
    path.write_bytes(content)
    return f"{path.name}, {size} bytes from {at}"


BYTES: dict[str, Callable[[Random, Path], str]] = {
    "flipped bits": _flip, "cut short": _cut, "bytes behind": _lengthen, "a block of other bytes": _fill,
}  # fmt: skip


# --- objects ----------------------------------------------------------------------------------------------


def _datasets(file: h5py.File) -> list[str]:
    found: list[str] = []
    file.visititems(lambda name, item: found.append(name) if isinstance(item, h5py.Dataset) else None)
    return found


def _groups(file: h5py.File) -> list[str]:
    found: list[str] = ["/"]
    file.visititems(lambda name, item: found.append(name) if isinstance(item, h5py.Group) else None)
    return found


def _a_dataset(rng: Random, file: h5py.File) -> str:
    """Mostly of the checkpoint, which has the most to go wrong."""
    names = _datasets(file)
    of_checkpoint = [name for name in names if name.startswith("checkpoint/") and not file[name].is_scale]
    return rng.choice(of_checkpoint if of_checkpoint and rng.random() < 0.6 else names)


def _other_values(rng: Random, file: h5py.File) -> str:
    """Some numbers of a dataset: flipped bits, or extremes."""
    name = _a_dataset(rng, file)
    values = np.array(file[name][()])
    if values.dtype.kind in "OS" or not values.size or file[name].is_virtual:
        return _other_text(rng, file)
    content = bytearray(values.tobytes())
    for _ in range(rng.choice([1, 1, 4, len(content) // 4 + 1])):
        at = rng.randrange(len(content))
        if rng.random() < 0.5:
            content[at] ^= 1 << rng.randrange(8)
        else:
            width = rng.choice([1, 4, 8])
            extreme = rng.choice([0, 1, 2, 2**31, 2**62, 2**63 - 1, 2**64 - 1, 0x7FF0000000000000, 0x7FC00000])
            content[at : at + width] = (extreme % 2 ** (8 * width)).to_bytes(width, "little")[: len(content) - at]
    if bytes(content) == values.tobytes():
        content[0] ^= 1
    file[name][...] = np.frombuffer(bytes(content), values.dtype).reshape(values.shape)
    return name


def _other_text(rng: Random, file: h5py.File) -> str:
    name = rng.choice(["scenario/json", "scenario/json", "provenance"])
    if "scenario" not in file:  # a segment
        return _remove(rng, file)
    if name == "provenance":
        return _other_inputs(rng, file)
    text = file[name].asstr()[()]
    at = rng.randrange(len(text))
    new = rng.choice(["", "9", "-1", "[" * 2000, "{}", '"', "\x1b[2J", "$\\frac{1$", "null", "1e999"])
    _replace(file, name, text[:at] + new + text[at + rng.choice([1, 5, 50]) :])
    return name


def _other_inputs(rng: Random, file: h5py.File) -> str:
    attributes = file["provenance"].attrs
    name = rng.choice(["inputs", "channelsim"])
    attributes[name] = rng.choice(
        ["", "0", "[]", "{}", "null", '{"scenario": 1}', attributes[name][: rng.randrange(40)]]
    )
    return f"provenance {name}"


def _other_scenario(rng: Random, file: h5py.File) -> str:
    """A key of the scenario has another value, and the JSON is sound."""
    if "scenario" not in file:  # a segment
        return _remove(rng, file)
    text: str = file["scenario/json"].asstr()[()]
    old, new = rng.choice([
        ('"momentum": 0', '"momentum": 0.9'), ('"batch": ', '"batch": 1'), ('"units": ', '"units": 1'),
        ('"epochs": ', '"epochs": 9'), ('"name": "', '"self": 1, "name": "'), ('"seed": ', '"seed": 1'),
    ])  # fmt: skip
    _replace(file, "scenario/json", text.replace(old, new) if old in text else f'{{"self": 1, {text[1:]}')
    return f"scenario/json, {new}"


def _replace(file: h5py.File, name: str, value: Any) -> None:
    del file[name]
    file[name] = value


def _remove(rng: Random, file: h5py.File) -> str:
    name = rng.choice([_a_dataset(rng, file), rng.choice(_groups(file)[1:])])
    del file[name]
    return name


def _other_attribute(rng: Random, file: h5py.File) -> str:
    holders = [*_groups(file), *_datasets(file)]
    holder = rng.choice(["/", "/", "provenance", rng.choice(holders)])
    holder = holder if holder in file else "/"
    attributes = file[holder].attrs
    if not len(attributes):
        return _remove(rng, file)
    name = rng.choice([name for name in attributes if name not in ("DIMENSION_LIST", "REFERENCE_LIST")] or ["seal"])
    choices: list[Any] = [
        None, 0, -1, 2**62, "", "other", "{}", '["x"]', '[["x", 1]]', np.zeros(3), np.bytes_(b"\xff\xfe"), [["a", "b"]],
    ]  # fmt: skip
    value = rng.choice(choices)
    del attributes[name]
    if value is not None:
        attributes[name] = value
    return f"{holder} {name}: {value!r}"


def _other_type(rng: Random, file: h5py.File) -> str:
    name = _a_dataset(rng, file)
    kinds: list[Any] = ["i1", "i8", "f8", "S3", h5py.string_dtype(), np.dtype([("a", "i4")]), h5py.ref_dtype, "c16"]
    shape, kind = file[name].shape, rng.choice(kinds)
    del file[name]
    file.create_dataset(name, shape, kind)
    return f"{name}: {kind}"


def _other_shape(rng: Random, file: h5py.File) -> str:
    name = _a_dataset(rng, file)
    kind, shape = file[name].dtype, list(file[name].shape)
    if shape and rng.random() < 0.7:
        axis = rng.randrange(len(shape))
        shape[axis] = rng.choice([0, 1, max(shape[axis] - 1, 0), shape[axis] + 1, 2 * shape[axis]])
    else:
        shape = rng.choice([[], [0], [2, 2], [*shape, 1]])
    del file[name]
    file.create_dataset(name, tuple(shape), kind)
    return f"{name}: {shape}"


def _announced(rng: Random, file: h5py.File) -> str:
    """An array of a size that no machine has, of which nothing is stored."""
    name = _a_dataset(rng, file)
    kind, rank = file[name].dtype, max(len(file[name].shape), 1)
    del file[name]
    shape = (1 << 40, *[1] * (rank - 1))
    file.create_dataset(name, shape, kind, chunks=(1 << 10, *[1] * (rank - 1)), maxshape=(None, *[1] * (rank - 1)))
    return name


def _group_in_its_place(rng: Random, file: h5py.File) -> str:
    name = _a_dataset(rng, file)
    del file[name]
    file.create_group(name)
    return name


def _dataset_in_its_place(rng: Random, file: h5py.File) -> str:
    name = rng.choice(_groups(file)[1:])
    del file[name]
    file[name] = np.arange(4)
    return name


def _link(rng: Random, file: h5py.File) -> str:
    """A name that leads elsewhere."""
    name = _a_dataset(rng, file)
    other = rng.choice(_datasets(file))
    kind, shape = file[name].dtype, file[name].shape
    del file[name]
    place = rng.choice(["soft", "soft to nowhere", "external", "storage", "virtual", "circle"])
    if place == "external":
        file[name] = h5py.ExternalLink("/etc/passwd", "/")
    elif place == "storage" and kind.kind in "iuf" and shape:
        file.create_dataset(name, shape, kind, external=[("/etc/passwd", 0, h5py.h5f.UNLIMITED)])
    elif place == "virtual" and kind.kind in "iuf" and shape:
        layout = h5py.VirtualLayout(shape, kind)
        layout[...] = h5py.VirtualSource("/etc/passwd", "x", shape, kind)
        file.create_virtual_dataset(name, layout)
    elif place == "circle":
        file[name] = file[name.rpartition("/")[0] or "/"]
    else:
        file[name] = h5py.SoftLink(f"/{other}" if place == "soft" and other != name else "/nowhere")
    return f"{name}, {place}"


def _second_name(rng: Random, file: h5py.File) -> str:
    """A dataset stands in the place of another one."""
    name, other = _a_dataset(rng, file), _a_dataset(rng, file)
    if name == other:
        return _remove(rng, file)
    del file[name]
    file[name] = file[other]
    return f"{name}, {other}"


OBJECTS: dict[str, Callable[[Random, h5py.File], str]] = {
    "other values": _other_values, "values of another": _other_values, "other text": _other_text,
    "another scenario": _other_scenario, "a part removed": _remove, "another attribute": _other_attribute,
    "another type": _other_type, "another shape": _other_shape, "announced only": _announced,
    "a group in its place": _group_in_its_place, "a dataset in its place": _dataset_in_its_place,
    "a link": _link, "a second name": _second_name,
}  # fmt: skip


def become(path: Path, kind: str) -> None:
    """Puts what is no regular file in the place of one: a FIFO, directory, device, circle of links, or nothing."""
    path.unlink()
    if kind == "FIFO":
        os.mkfifo(path)
    elif kind == "directory":
        path.mkdir()
    elif kind == "device":
        path.symlink_to("/dev/zero")
    elif kind == "circle":
        path.symlink_to(path)
