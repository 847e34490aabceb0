"""A file that refers to others, or is not a tree of its own data, is not read, however right its checksum is."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from channelsim import trace
from channelsim.errors import InputError
from channelsim.trace import Trace, _seal
from tests import traces

WEIGHTS = "checkpoint/weights"


def external_link(file: h5py.File) -> None:
    file[WEIGHTS] = h5py.ExternalLink("/etc/passwd", "/")


def soft_link(file: h5py.File) -> None:
    file[WEIGHTS] = h5py.SoftLink("/checkpoint/biases")


def external_storage(file: h5py.File) -> None:
    file.create_dataset(WEIGHTS, (10,), "u1", external=[("/etc/passwd", 0, 10)])


def virtual(file: h5py.File) -> None:
    layout = h5py.VirtualLayout((10,), "f4")
    layout[...] = h5py.VirtualSource("/tmp/other.h5", "x", (10,), "f4")
    file.create_virtual_dataset(WEIGHTS, layout)


def virtual_of_no_name(file: h5py.File) -> None:
    layout = h5py.VirtualLayout((10,), "f4")
    layout[...] = h5py.VirtualSource("/tmp/other-\udcff.h5", "x", (10,), "f4")
    file.create_virtual_dataset(WEIGHTS, layout)


def second_name(file: h5py.File) -> None:
    file[WEIGHTS] = file["checkpoint/biases"]


def circle(file: h5py.File) -> None:
    file[WEIGHTS] = file["checkpoint"]


def named_type(file: h5py.File) -> None:
    file[WEIGHTS] = np.dtype("f4")


def announced(file: h5py.File) -> None:
    file.create_dataset(WEIGHTS, (1 << 40,), "f4", chunks=(1 << 10,))


CASES = {
    external_link: "is an external link",
    soft_link: "is a soft link",
    external_storage: "has its values in another file",
    virtual: "has its values in another file, '/tmp/other.h5'",
    virtual_of_no_name: "cannot be read",
    second_name: "has more than one name",
    circle: "has more than one name",
    named_type: "is a named type",
    announced: "announces 4,398,046,511,104 bytes, of which hardly any are stored",
}


@pytest.mark.parametrize("change", CASES, ids=lambda change: change.__name__)
def test_what_no_trace_has(made: Path, tmp_path: Path, change: Callable[[h5py.File], None]) -> None:
    path = Path(shutil.copyfile(made, tmp_path / "run.h5"))
    with h5py.File(path, "r+") as file:
        del file[WEIGHTS]
        change(file)
    _seal.reseal(path)
    for use in (Trace, lambda path: trace.reopen(path, traces.small_plan())):
        with pytest.raises(InputError) as caught:
            use(path)
        assert CASES[change] in str(caught.value) and "\n" not in str(caught.value)
