"""Files of the cache: kept whole, and made anew when damaged; a cache that cannot be written is done without."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from channelsim.engine.compile import cache

ROOT = Path(__file__).parents[3]
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


def test_what_other_engines_have_not_used_for_a_month_goes(directory: Path) -> None:
    """When a directory is made, and only directories of that name."""
    month = time.time() - 30 * 24 * 3600
    others = {
        "engine-0123456789abcdef": month - 60,
        "engine-fedcba9876543210": month + 3600,
        "engine-notes": month - 60,
        "data": month - 60,
    }
    for name, used in others.items():
        (directory.parent / name).mkdir(parents=True)
        (directory.parent / name / "a.o").write_bytes(BODY)
        os.utime(directory.parent / name, (used, used))
    cache.kept("a.o", Maker())
    left = {path.name for path in directory.parent.iterdir()}
    assert left == {*others, directory.name} - {"engine-0123456789abcdef"}


def test_use_is_marked_and_a_process_survives_the_removal_of_its_directory(directory: Path) -> None:
    make = Maker()
    cache.kept("a.o", make)
    os.utime(directory, (0, 0))
    cache._mark_used.cache_clear()
    cache.kept("a.o", make)
    assert time.time() - directory.stat().st_mtime < 3600
    shutil.rmtree(directory)
    assert cache.kept("a.o", make) == BODY
    assert cache.has("a.o") and make.made == 2


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


BLOCKED = """
import os, sys
from channelsim.engine.compile import cache
made = []
for _ in range(3):
    assert cache.kept("a.o", lambda: made.append(1) or b"body") == b"body"
assert len(made) == 1 and cache.has("a.o")
print(cache.writable())
"""


@pytest.mark.parametrize("kind", ["a file in its place", "a directory that may not be written"])
def test_a_cache_that_cannot_be_written(kind: str, tmp_path: Path) -> None:
    """The process has a temporary directory, which goes with it, and says so."""
    base, temporary = tmp_path / "cache", tmp_path / "temporary"
    temporary.mkdir()
    if kind == "a file in its place":
        base.write_text("a file")
    else:
        base.mkdir(mode=0o500)
        if os.access(base, os.W_OK):
            pytest.skip("this user may write everywhere")
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(base), "TMPDIR": str(temporary)}
    command = [sys.executable, "-W", "error", "-c", BLOCKED]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    place = Path(done.stdout.strip())
    assert place.parent == temporary
    [note] = done.stderr.splitlines()
    assert note.startswith("channelsim: note: ") and str(place) in note and str(base) in note
    assert list(temporary.iterdir()) == []
    if base.is_file():
        assert base.read_text() == "a file"


def test_a_full_disk_leaves_nothing_behind(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", refuse)
    make = Maker()
    assert cache.kept("a.o", make) == cache.kept("a.o", make) == BODY
    assert make.made == 2
    assert list(directory.iterdir()) == []


def test_a_disk_that_has_been_full_all_along(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "mkdir", refuse)
    assert cache.kept("a.o", Maker()) == BODY
    assert not directory.exists()


def test_what_killed_processes_have_left_is_removed(directory: Path) -> None:
    directory.mkdir(parents=True)
    old, new = directory / "a.o.1-2.part", directory / "b.o.1-2.part"
    for file in (old, new):
        file.write_bytes(b"half")
    os.utime(old, (0, 0))
    cache.kept("c.o", Maker())
    assert not old.exists() and new.exists()


def test_the_digest_tells_widths_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache.machine, "LANES", 99)
    try:
        cache.digest.cache_clear()
        other = cache.digest()
    finally:
        monkeypatch.undo()
        cache.digest.cache_clear()
    assert other != cache.digest()


def test_no_directory_at_all(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the cache nor a temporary directory can be written, as in a read-only container: compiled each time."""

    def refuse(*_: object, **__: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(Path, "mkdir", refuse)
    monkeypatch.setattr("tempfile.mkdtemp", refuse)
    make = Maker()
    assert cache.kept("a.o", make) == cache.kept("a.o", make) == BODY
    assert make.made == 2 and not directory.exists()
