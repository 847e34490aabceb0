"""Files of the cache: kept whole, and made anew when damaged; a cache that cannot be written is done without."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from channelsim.engine.compile import cache

BODY = bytes(range(256)) * 40


class Maker:
    """Counts how often the body was made."""

    def __init__(self, body: bytes = BODY):
        self.body, self.made = body, 0

    def __call__(self) -> bytes:
        self.made += 1
        return self.body


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "cache"))
    return cache.directory()


def test_made_once(directory: Path) -> None:
    make = Maker()
    for _ in range(3):
        assert cache.kept("a.o", make) == BODY
    assert make.made == 1
    assert [file.name for file in directory.iterdir()] == ["a.o"], "nothing else is left behind"


DAMAGE = {
    "empty": b"",
    "shorter than the checksum": b"x" * 31,
    "nothing but a checksum": b"x" * 32,
    "truncated": None,
    "a bit flipped": None,
    "something behind": None,
    "a foreign file": b"\x7fELF" + b"\0" * 5000,
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damaged_files_are_made_anew(directory: Path, damage: str) -> None:
    make = Maker()
    cache.kept("a.o", make)
    file = directory / "a.o"
    good = file.read_bytes()
    middle = len(good) // 2
    bad = {
        "truncated": good[:middle],
        "a bit flipped": good[:middle] + bytes([good[middle] ^ 4]) + good[middle + 1 :],
        "something behind": good + b"\0",
    }
    content = DAMAGE[damage]
    file.write_bytes(bad[damage] if content is None else content)
    assert cache.kept("a.o", make) == BODY
    assert file.read_bytes() == good
    assert cache.kept("a.o", make) == BODY
    assert make.made == 2


def test_a_directory_in_its_place(directory: Path) -> None:
    """It is neither read nor replaced."""
    (directory / "a.o").mkdir(parents=True)
    make = Maker()
    assert cache.kept("a.o", make) == cache.kept("a.o", make) == BODY
    assert make.made == 2


def test_a_cache_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file stands where its directory should be: not even the superuser may write there."""
    blocked = tmp_path / "cache"
    blocked.write_text("a file")
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(blocked))
    make = Maker()
    assert cache.kept("a.o", make) == cache.kept("a.o", make) == BODY
    assert make.made == 2
    assert blocked.read_text() == "a file"


def test_a_full_disk_leaves_nothing_behind(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", refuse)
    assert cache.kept("a.o", Maker()) == BODY
    assert list(directory.iterdir()) == []


def test_the_digest_tells_widths_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache.machine, "LANES", 99)
    try:
        cache.digest.cache_clear()
        other = cache.digest()
    finally:
        monkeypatch.undo()
        cache.digest.cache_clear()
    assert other != cache.digest()
