from __future__ import annotations

from pathlib import Path

from channelsim.data import NAMES, Entry, available, load_dataset

from .conftest import write_mnist


def test_an_empty_machine_has_what_needs_no_files(home: Path) -> None:
    entries = {entry.name: entry for entry in available()}
    assert tuple(entries) == NAMES
    assert entries["digits"] == Entry("digits", "channelsim", 1437, 360)
    assert entries["mnist"] == Entry("mnist", None, None, None, "channelsim data fetch mnist")
    for entry in entries.values():
        assert (entry.place is None) == (entry.remedy is not None)
        if entry.place:
            data = load_dataset(name=entry.name)
            assert (len(data.train_x), len(data.test_x)) == (entry.train, entry.test)


def test_a_set_on_disk_has_its_folder_and_sizes(home: Path) -> None:
    write_mnist(home / "mnist")
    entry = next(entry for entry in available() if entry.name == "mnist")
    assert entry == Entry("mnist", str(home / "mnist"), 30, 10)


def test_a_damaged_set_says_so(home: Path) -> None:
    write_mnist(home / "mnist")
    (home / "mnist" / "t10k-images-idx3-ubyte.gz").write_bytes(b"nonsense")
    entry = next(entry for entry in available() if entry.name == "mnist")
    assert entry.place == str(home / "mnist") and entry.train is None
    assert entry.remedy and "wrong magic number" in entry.remedy
