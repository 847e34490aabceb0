"""Compiling what a run needs, where this machine has not done it yet, and bringing it into the process.

Two processes share the work where there are two cores: see `second_process`.
"""

from __future__ import annotations

import functools
import gc
import math
from pathlib import Path
from typing import Any

from numba import config

from channelsim.engine.channel import packing
from channelsim.engine.compile import cache, units
from channelsim.engine.compile.units import EVALUATION
from channelsim.engine.kernels.simd import kernel
from channelsim.engine.layers import inputs, prediction
from channelsim.engine.loop import event_loop
from channelsim.engine.setup import second_process

IMPORTED = (packing, prediction)  # for the sake of their units, as are those that `event_loop` imports
PART_SECONDS = 1.0
"""One core's time for a part of the engine, on average: 8 of `digits-srbp` take 7.5 s, 20 of `mnist-conv` 15 s, and a
second process starts in half a second (Xeon, family 6, model 167)."""


def begin(wanted: frozenset[str]) -> None:
    """Has a second process begin with what a run needs, if that is worth while, while this one sets the run up."""
    if config.DISABLE_JIT:
        return
    now, later = _missing(wanted), _missing(wanted | {EVALUATION}) - _missing(wanted)
    if not now:
        return
    second_process.start()
    second_process.give(sorted(now - _at_once()))
    second_process.give(sorted(later), later=True)


@functools.cache  # a run asks in every chunk
def compile_for(wanted: frozenset[str]) -> None:
    """Compiles what runs of these demands need, and is not in the cache, and loads it."""
    if config.DISABLE_JIT:
        return
    begin(wanted)
    for later in sorted({False, EVALUATION in wanted}):
        while (job := second_process.taken(later=later)) is not None:
            _jobs()[job].compile()
    second_process.wait_for(_missing(wanted))
    for each in _needed(wanted):
        each.load()
    if EVALUATION in wanted:
        second_process.stop()  # nothing is left for it to do


def seconds_to_compile(wanted: frozenset[str]) -> int:
    """About how many seconds a quiet machine compiles before a run's first frame; 0 if nothing is left to do."""
    if config.DISABLE_JIT:
        return 0
    return math.ceil(PART_SECONDS * len(_missing(wanted)) / min(2, second_process.cores()))


def work(pipes: list[int], place: str, parent: int) -> None:
    """The second process."""
    gc.disable()
    cache.use(Path(place))
    for job in second_process.jobs(pipes, parent):
        _jobs()[job].compile()


@functools.cache
def _jobs() -> list[Any]:
    """All there is to compile, in the same order in both processes."""
    others = sorted((each for each in units.every if each is not event_loop.advance), key=lambda each: each.name)
    return [event_loop.advance, kernel.VECTOR_CODE, *others]


def _needed(wanted: frozenset[str]) -> list[Any]:
    return [job for job in _jobs() if wanted.issuperset(job.needed_by)]


def _missing(wanted: frozenset[str]) -> set[int]:
    return {k for k, job in enumerate(_jobs()) if wanted.issuperset(job.needed_by) and not job.is_compiled()}


def _at_once() -> set[int]:
    """What setting up a run calls: this process needs it first."""
    return {_jobs().index(job) for job in (kernel.VECTOR_CODE, inputs.count_events, inputs.list_events)}
