"""Only regular files are opened, and none is waited for."""

from __future__ import annotations

import errno
import os
import socket
import tempfile
import threading
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from matplotlib.figure import Figure

import channelsim as cs
from channelsim import plots, timelines
from channelsim.data import load_dataset
from channelsim.errors import InputError
from channelsim.files import open_regular, replace
from channelsim.trace import Trace, _tables


@pytest.fixture
def special(tmp_path: Path) -> dict[str, Path]:
    """What is no regular file, by what it is called."""
    fifo, plug = tmp_path / "fifo", tmp_path / "plug"
    os.mkfifo(fifo)
    with socket.socket(socket.AF_UNIX) as open_socket:
        open_socket.bind(str(plug))
    return {"a directory": tmp_path, "a FIFO": fifo, "a device": Path("/dev/zero"), "a socket": plug}


def test_special_files_are_refused(special: dict[str, Path]) -> None:
    for kind, path in special.items():
        if kind != "a socket":  # open() itself refuses these
            with pytest.raises(
                InputError, match=rf"{path}: is {kind}, which cannot be read .*; accepted: a regular file"
            ):
                open_regular(path)
    with pytest.raises(OSError):
        open_regular(special["a socket"])


def test_a_link_to_a_file_is_followed(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"content")
    (tmp_path / "link").symlink_to(tmp_path / "file")
    with open_regular(tmp_path / "link") as file:
        assert file.read() == b"content"


def test_a_fifo_is_read_where_it_may_be(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    writer = threading.Thread(target=fifo.write_bytes, args=(b"content",))
    writer.start()
    with open_regular(fifo, pipes=True) as file:
        assert file.read() == b"content"
    writer.join()


@pytest.mark.parametrize("kind", ["a FIFO", "a device"])
def test_nothing_waits_for_them(special: dict[str, Path], tmp_path: Path, kind: str) -> None:
    """Given as a model, a data set, a trace: refused at once."""
    path = special[kind]
    scenario = tmp_path / "scenario.toml"
    scenario.write_text(f'name = "a"\nmodel = "{path}"\n[data]\nname = "digits"\n[learning]\nrule = "bp"\n')
    with pytest.raises(InputError, match=rf"{path}: is {kind}"):
        cs.load(scenario)
    link = tmp_path / "data.npz"
    link.symlink_to(path)
    with pytest.raises(InputError, match=rf"data\.npz: is {kind}"):
        load_dataset(name=str(link))
    with pytest.raises(InputError, match=rf"{path}: is {kind}"):
        Trace(path)


@pytest.mark.timeout(60)
@pytest.mark.parametrize("kind", ["a FIFO", "a device", "a directory"])
def test_nothing_is_written_to_them(special: dict[str, Path], tmp_path: Path, kind: str) -> None:
    """Given for a picture, or for weights."""
    for name, write in WRITERS.items():
        (tmp_path / name).symlink_to(special[kind])
        with pytest.raises(InputError, match=rf"{name}: is {kind}, which cannot be read or replaced"):
            write(tmp_path / name)
        assert (tmp_path / name).is_symlink()


def test_a_file_that_cannot_be_written_whole_stays_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("os.fsync", full)
    for name, write in WRITERS.items():
        (tmp_path / name).write_bytes(b"old")
        with pytest.raises(InputError, match="No space left on device"):
            write(tmp_path / name)
        assert (tmp_path / name).read_bytes() == b"old"
    assert {path.name for path in tmp_path.iterdir()} == set(WRITERS)


def test_what_a_link_leads_to_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"old")
    for name, ours in (("link", False), ("planted", True)):
        (tmp_path / name).symlink_to(tmp_path / "file")
        replace(tmp_path / name, name.encode(), ours=ours)
        assert (tmp_path / name).is_symlink() is not ours
    assert (tmp_path / "file").read_bytes() == b"link" and (tmp_path / "planted").read_bytes() == b"planted"


def draw(path: Path) -> None:
    plots.save(Figure(), path)


def export(path: Path) -> None:
    class One(Trace):
        def __init__(self) -> None:
            self.path = path

        def weights(self, epoch: int | None = None) -> dict[str, Any]:
            return {"W_1": np.zeros(2, np.float32)}

    One().export_weights(path)


def test_a_device_is_no_scenario() -> None:
    with pytest.raises(InputError, match="/dev/zero: is a device"):
        cs.load("/dev/zero")


def test_a_scenario_without_end_is_not_read_to_its_end(tmp_path: Path) -> None:
    endless = tmp_path / "endless.toml"
    with endless.open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(InputError, match="more than 64 MiB"):
        cs.load(endless)


@pytest.mark.parametrize(
    ("text", "told"),
    [("a = " + "[" * 3000 + "]" * 3000, "nested too deep"), ("a = " + "9" * 5000, "Exceeds the limit")],
)
def test_toml_beyond_the_limits_of_python(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "a.toml"
    path.write_text(text)
    with pytest.raises(InputError, match=rf"a\.toml: {told}.*; accepted: TOML"):
        cs.load(path)


def dump(path: Path) -> None:
    timelines._write(path, iter([b"dump"]))


def table(path: Path) -> None:
    with tempfile.TemporaryDirectory() as folder, h5py.File(Path(folder) / "run.h5", "w") as file:
        file["metrics/test/epoch"], file["metrics/test/loss"] = np.arange(2), np.zeros(2)
        file["metrics/test/epoch"].make_scale("epoch")
        file["metrics/test/loss"].dims[0].attach_scale(file["metrics/test/epoch"])
        _tables.export(file, "metrics/test", path)


WRITERS = {"picture.svg": draw, "weights.npz": export, "timeline.vcd": dump, "metrics.csv": table}
