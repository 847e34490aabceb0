"""How time grows: per synapse touched with depth and width, per frame with sparsity and batch."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from benchmarks import work
from benchmarks.peers.engine import Engine
from benchmarks.peers.memory_bound import stream
from benchmarks.sections.variants import name_of
from benchmarks.table import Row, Section
from benchmarks.timing import Times, interleave
from channelsim.data import Dataset
from channelsim.plan import Plan

DEPTHS = (2, 4, 8, 16, 32, 64)
WIDTHS = (50, 100, 200, 500, 1000, 3000)
BATCHES = (1, 2, 5, 10, 20, 50, 100, 200, 500)
TARGET = 1.2
SAMPLES = 2_000
SECONDS = 0.15  # of one measurement


def measure(settings: work.Settings) -> Section:
    section = Section()
    dataset = work.mnist(SAMPLES)
    families = {
        "depth": {depth: [784, *[100] * depth, 10] for depth in DEPTHS},
        "width": {width: [784, *[width] * 4, 10] for width in (WIDTHS[:-1] if settings.quick else WIDTHS)},
    }
    for family, networks in families.items():
        for batch in (1, 100):
            points = [_point(size, units, batch, dataset, settings) for size, units in networks.items()]
            section.facts[f"{family}, {name_of(batch)}"] = points
            section.rows.append(_row(family, points, batch))
    section.facts["batch"] = [_batch_point(batch, dataset, settings) for batch in BATCHES]
    return section


def _row(family: str, points: list[dict[str, Any]], batch: int) -> Row:
    """The factor by which every network lies within one line through the origin: sqrt(largest / smallest)."""
    costs = [point["ns_per_synapse"] for point in points]
    first, last = points[0]["size"], points[-1]["size"]
    detail = ", ".join(f"{point['size']}: {point['ns_per_synapse']:.3g}" for point in points) + " ns per synapse"
    what = f"{family} {first} to {last}, srbp, {name_of(batch)}"
    value = float(np.sqrt(max(costs) / min(costs)))
    return Row(what, "x of proportional to synapses touched", value, TARGET, None, False, detail)


def _point(size: int, units: list[int], batch: int, dataset: Dataset, settings: work.Settings) -> dict[str, Any]:
    """Time per frame and synapses touched, by the forward pass and by the update, in one network.

    Online beside a loop that streams through the same rows, twice to read and once to write.
    """
    plan = work.still(work.plan_of(work.scenario("srbp", batch, model=work.dense_model(units)), dataset))
    run = Engine(plan, dataset)
    contestants = {"engine": run.advance}
    if batch == 1:
        contestants["bound"] = _bound(plan, dataset)
    times = _times(contestants, settings)
    counters = run.state.counters
    touched = float(counters["macs"].sum() + counters["update_macs"].sum()) / run.state.frame
    costs = {name: 1e9 * each.median / touched for name, each in times.items()}
    point = {"size": size, "synapses": plan.synapses, "touched": touched, "seconds": times["engine"].median}
    point["ns_per_synapse"] = costs["engine"]
    if batch == 1:
        point["bound_ns_per_synapse"] = costs["bound"]
    return point


def _batch_point(batch: int, dataset: Dataset, settings: work.Settings) -> dict[str, float]:
    """Time per sample of the MNIST network, by size of the mini-batch."""
    wanted = work.scenario("srbp", 100, training={"batch": batch})
    run = Engine(work.still(work.plan_of(wanted, dataset)), dataset)
    seconds = _times({"engine": run.advance}, settings)["engine"].median
    return {"batch": batch, "seconds_a_sample": seconds / batch}


def _bound(plan: Plan, dataset: Dataset) -> Callable[[int], int]:
    images = csr_array(dataset.train_x)
    weights, _ = work.matrices(plan, plan.weights, plan.biases)
    order = np.arange(len(dataset.train_y))

    def run(frames: int) -> int:
        for first in range(0, frames, len(order)):
            stream(weights, images.indptr, images.indices, images.data, order[: frames - first])
        return frames

    return run


def _times(contestants: dict[str, Callable[[int], int]], settings: work.Settings) -> dict[str, Times]:
    """Interleaved, each with so many frames a measurement as take about `SECONDS`."""
    return interleave({name: _sized(work_on) for name, work_on in contestants.items()}, settings.rounds)


def _sized(work_on: Callable[[int], int]) -> Callable[[], int]:
    work_on(1)
    frames, took = 1, 0.0
    while took < SECONDS / 10:
        frames *= 2
        began = time.perf_counter()
        work_on(frames)
        took = time.perf_counter() - began
    frames = max(1, int(frames * SECONDS / took))
    return lambda: work_on(frames)
