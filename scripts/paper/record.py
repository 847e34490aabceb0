"""How the results came about: what was run, on what machine, in what time."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Protocol


class Counting(Protocol):
    """Anything that counts the runs made in this sitting."""

    new: int


@contextmanager
def sitting(path: Path, counting: Counting) -> Iterator[Callable[[], list[float]]]:
    """Keeps in the file how long this sitting takes, if it makes a run or ends by Ctrl-C or an error, which may leave a
    long run half done. Yields a function that returns the seconds of all sittings, this one so far included."""
    before, began, is_whole = sittings(path), time.monotonic(), False

    def so_far() -> list[float]:
        return [*before, time.monotonic() - began] if counting.new else before

    try:
        yield so_far
        is_whole = True
    finally:
        if counting.new or not is_whole:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("".join(f"{seconds:.1f}\n" for seconds in (*before, time.monotonic() - began)))


def sittings(path: Path) -> list[float]:
    """The seconds of all sittings that have ended."""
    return [float(line) for line in path.read_text().split()] if path.exists() else []


@dataclass(frozen=True)
class Record:
    """What the page reports about the runs that it is based on.

    Attributes:
        command: what was typed, e.g. "make paper".
        whole: what one types for the whole of it.
        epochs, tuning_epochs: of the runs that count, and of those that choose learning rates.
        seeds: how many a variant is run with.
        train: how many training images the runs use (including those to validate on); None: all.
        workers: processes.
        wall_s: wall time of all sittings together.
        sittings: how often it was started until it was done.
        runs, run_s: how many runs there are, and the sum of their wall times.
        machine, software, date: where, with what and when.
        tuning_train: `train` of the runs that choose learning rates, if it is another number.
        foretold: what short runs had foretold, over what the runs took; None where there were no such runs.
    """

    command: str
    whole: str
    epochs: int
    tuning_epochs: int
    seeds: int
    train: int | None
    workers: int
    wall_s: float
    sittings: int
    runs: int
    run_s: float
    machine: str
    software: str
    date: str
    tuning_train: int | None = None
    foretold: float | None = None

    def save(self, path: Path) -> None:
        """As JSON."""
        path.write_text(json.dumps(asdict(self), indent=2) + "\n")

    @staticmethod
    def load(path: Path) -> Record:
        """What `save` wrote."""
        return Record(**json.loads(path.read_text()))


def machine() -> str:
    """Processor, cores and memory of this machine, e.g. "AMD EPYC 7763, 2 cores, 8 GB"."""
    name = platform.processor() or platform.machine()
    information = Path("/proc/cpuinfo")
    if information.exists():
        lines = information.read_text().splitlines()
        models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
        name = models[0] if models else name
    parts = [name, f"{os.cpu_count()} cores"]
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        parts.append(f"{os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE') / 1e9:.0f} GB")
    return ", ".join(parts)


def software(root: Path) -> str:
    """Versions that numbers and times hang on, with the revision of the sources in `root` if they are in a checkout:
    "-dirty" if more than docs/, where campaigns write, is changed."""
    found = _git(root, "describe", "--always", "--exclude=*")
    revision = f" at {found.stdout.strip()}" if found.returncode == 0 else ""
    if revision and _git(root, "diff", "--quiet", "HEAD", "--", ".", ":(exclude)docs").returncode:
        revision += "-dirty"
    packages = ", ".join(f"{name} {version(package)}" for name, package in (("NumPy", "numpy"), ("Numba", "numba")))
    return f"channelsim {version('channelsim')}{revision}, Python {platform.python_version()}, {packages}"


def _git(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, text=True, check=False)


def today() -> str:
    """The date, e.g. 2024-02-29."""
    return datetime.now(UTC).date().isoformat()
