"""Everything that a result depends on, part by part, as digests. Runs of one version with equal inputs are equal."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from channelsim import parts
from channelsim.data import Dataset
from channelsim.errors import InputError
from channelsim.scenario import Scenario

Inputs = Mapping[str, str]
"""Part -> what it is, a colon and its digest; or the digest alone."""


def inputs(scenario: Scenario, dataset: Dataset) -> dict[str, str]:
    """The parts of a run: the scenario with its model, the arrays of its data, and the files that it names.

    Whatever else a result comes to depend on is a part here, and so in the trace and in what `--resume` compares.
    Raises InputError for a file that cannot be read.
    """
    return {"scenario": scenario.digest(), **dataset.digests, **files(scenario), **own_parts(scenario)}


def files(scenario: Scenario) -> dict[str, str]:
    """The files of weights that a scenario names: key -> size, a colon and the SHA-256 of the bytes."""
    return {key: _file(Path(name)) for key, name in named_files(scenario).items()}


def own_parts(scenario: Scenario) -> dict[str, str]:
    """The Python files that a scenario names: name -> path, a colon and the SHA-256 of the text."""
    return {Path(file).name: f"the file {file}: {parts.digest_of(file)}" for file in scenario.own_files()}


def named_files(scenario: Scenario) -> dict[str, str]:
    """The files of weights that a scenario names: key -> path."""
    feedback = scenario.learning.feedback.file
    named = {"model.weights.from": scenario.model.weights.file, "learning.feedback.from": feedback}
    return {key: name for key, name in named.items() if name is not None}


def _file(path: Path) -> str:
    try:
        about = path.stat()
        return f"{about.st_size:,} bytes: {_digest_of(path, about.st_mtime_ns, about.st_size)}"
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}; accepted: a file of weights that can be read") from None


@lru_cache(maxsize=64)  # a sweep asks for each of its points
def _digest_of(path: Path, changed: int, size: int) -> str:
    """The SHA-256 of a file that was last changed at a time and has a size."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def changes(then: Inputs, now: Inputs) -> str:
    """What is no longer as it was, in words; empty if nothing has changed."""
    return "; ".join(_change(part, then.get(part, ""), now.get(part, "")) for part in _differing(then, now))


def _differing(then: Inputs, now: Inputs) -> list[str]:
    """Parts with other digests. What they are said to be may differ: float64 of the same values, say."""
    return [part for part in {**then, **now} if _digest(then.get(part, "")) != _digest(now.get(part, ""))]


def _digest(text: str) -> str:
    return text.rpartition(": ")[2]


def _change(part: str, then: str, now: str) -> str:
    was, is_now = then.rpartition(": ")[0], now.rpartition(": ")[0]
    if not then or not now:
        return f"{part} was {'not ' if not then else ''}there"
    return f"{part} was {was}, now it is {is_now}" if was != is_now else f"{part} has other values"
