"""Runs are killed at random instants, again and again, and end with the same bits as if they had never been killed."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

import channelsim as cs
from channelsim.simulation import _simulation
from channelsim.trace import _bulk, _writer
from tests.campaign.bases import BASES, Base
from tests.campaign.outcomes import DIFFERENT, DONE, IDENTICAL, Verdict, fork, outcome, verdict
from tests.campaign.part import Part
from tests.run.runs import contents

Way = Callable[[cs.Scenario, Path], object]
"""Begins the run of a scenario, or goes on with its trace where that is there."""


def by_run(scenario: cs.Scenario, path: Path) -> object:
    """`cs.run`, as a user does it."""
    if not path.exists():
        return cs.run(scenario, path)
    try:
        return cs.run(resume=path)
    except cs.InputError as refused:
        if "no checkpoint was reached" not in str(refused):
            raise
        return cs.run(scenario, path, force=True)


def by_simulation(scenario: cs.Scenario, path: Path) -> object:
    """`cs.Simulation`, frame by frame."""
    resumable = path.exists()
    try:
        simulation = cs.Simulation(resume=path) if resumable else cs.Simulation(scenario, out=path)
    except cs.InputError as refused:
        if "no checkpoint was reached" not in str(refused):
            raise
        simulation = cs.Simulation(scenario, out=path, force=True)
    with simulation:
        while not simulation.done:
            simulation.step()
        return simulation.result


@dataclass(frozen=True)
class Whole:
    """A run that was not killed. seconds: that it took."""

    base: Base
    way: Way
    contents: dict[str, Any]
    seconds: float


def prepare(base: Base, way: Way, folder: Path) -> Whole:
    path = folder / "run.h5"
    _settings(base, partial(way, base.scenario, path))()  # compiles
    path.unlink()
    began = time.monotonic()
    kind, text = outcome(_settings(base, partial(way, base.scenario, path)))
    assert kind == DONE, text
    return Whole(base, way, contents(path), time.monotonic() - began)


def _settings(base: Base, action: Callable[[], object]) -> Callable[[], object]:
    """The action with chunks of a frame, and checkpoints as often as they can be."""

    def act() -> object:
        before = _simulation.CHUNK_SECONDS, _writer._SHARE, _bulk.INLINE_BYTES
        _simulation.CHUNK_SECONDS, _writer._SHARE, _bulk.INLINE_BYTES = 0.0, 0.5, base.inline
        try:
            return action() and None
        finally:
            _simulation.CHUNK_SECONDS, _writer._SHARE, _bulk.INLINE_BYTES = before

    return act


def case(whole: Whole, seed: int, folder: Path) -> Verdict:
    """A chain of one to five kills, and the run to its end."""
    rng = Random(seed)
    path = folder / "run.h5"
    action = _settings(whole.base, partial(whole.way, whole.base.scenario, path))
    kills = 0
    for _ in range(rng.randint(1, 5)):
        if not _killed(action, rng.uniform(0.0, 1.2 * whole.seconds)):
            break
        kills += 1
        if path.exists():
            found = outcome(partial(_read, path))
            if found[0] != DONE:
                return Verdict(DIFFERENT, f"after kill {kills}: {found[1]}", kills)
    found = outcome(action)
    if found[0] != DONE and "this run is done" not in found[1]:
        return Verdict(verdict(found).kind, found[1], max(kills, 1))
    wrong = _difference(whole.contents, contents(path))
    left = sorted(os.listdir(folder))
    if wrong or left != ["run.h5"]:
        return Verdict(DIFFERENT, wrong or f"left behind: {left}", max(kills, 1))
    return Verdict(IDENTICAL, "", kills)


def _killed(action: Callable[[], object], delay: float) -> bool:
    """Whether a fork was still at it when it was killed, so many seconds after it had begun."""
    child = fork()
    if not child:
        try:
            action()
        except cs.InputError:  # it is done
            os._exit(0)
        except BaseException:
            os._exit(1)
        os._exit(0)
    time.sleep(delay)
    os.kill(child, signal.SIGKILL)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


def _read(path: Path) -> None:
    with cs.Trace(path) as trace:
        trace.info()
        trace.events()


def _difference(expected: dict[str, Any], found: dict[str, Any]) -> str:
    """The first dataset that is not the same, bit for bit."""
    for name in expected.keys() | found.keys():
        if name not in expected or name not in found:
            return f"{name} is in one of them only"
        if np.asarray(expected[name]).tobytes() != np.asarray(found[name]).tobytes() and not np.array_equal(
            expected[name], found[name]
        ):
            return f"{name} differs"
    return ""


RUNS: dict[str, tuple[str, Way]] = {**{name: (name, by_run) for name in BASES}, "Simulation": ("online", by_simulation)}
"""Name -> which of `BASES` is killed, and how it is begun and gone on with. Another way is another line here."""

PARTS = [
    Part(f"kills, {name}", "kills", 90, 1, partial(prepare, BASES[base], way), case)
    for name, (base, way) in RUNS.items()
]
