"""Interleaved times of several scenarios of the engine on one data set."""

from __future__ import annotations

from collections.abc import Mapping

from benchmarks import work
from benchmarks.peers.engine import Engine
from benchmarks.timing import Times, Work, interleave
from channelsim.data import Dataset
from channelsim.plan import Plan


def compare(
    plans: Mapping[str, Plan], dataset: Dataset, settings: work.Settings
) -> tuple[dict[str, Times], dict[str, Engine]]:
    """Times per frame of every plan, and the engines that ran them (for their counters).

    A measurement is `settings.frames` online frames, or twice as many samples in mini-batches.
    """
    engines = {name: Engine(plan, dataset) for name, plan in plans.items()}
    runs = {name: _run(engine, settings) for name, engine in engines.items()}
    return interleave(runs, settings.rounds), engines


def _run(engine: Engine, settings: work.Settings) -> Work:
    frames = settings.frames if engine.plan.batch == 1 else 2 * settings.frames // engine.plan.batch
    return lambda: engine.advance(frames)


def as_json(times: Mapping[str, Times]) -> dict[str, dict[str, object]]:
    return {name: {"median": each.median, "rounds": each.rounds} for name, each in times.items()}


def name_of(batch: int) -> str:
    return "online" if batch == 1 else f"batch {batch}"
