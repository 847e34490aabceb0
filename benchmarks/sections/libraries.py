"""The engine beside PyTorch, JAX, a feedback-alignment library, a plain Numba loop and the memory bound."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

from benchmarks import work
from benchmarks.peers import Peer
from benchmarks.peers.engine import Engine
from benchmarks.peers.memory_bound import MemoryBound
from benchmarks.table import Row, Section, us
from benchmarks.timing import Times, interleave
from channelsim.data import Dataset

PEERS = {  # module, class; figures and targets below are by module
    "jax_scan": "JaxScan",
    "torch_eager": "TorchEager",
    "torch_compiled": "TorchCompiled",
    "biotorch_library": "BioTorch",
    "plain_numba": "PlainNumba",
}
TARGETS = {  # (batch, peer): at least so many times as fast, stretch
    (1, "jax_scan"): (2.0, 3.0),
    (1, "torch_eager"): (20.0, None),
    (100, "jax_scan"): (1.3, 1.5),
    (100, "torch_eager"): (1.5, 2.0),
}
BOUND_TARGET, BOUND_STRETCH = 1.25, 1.0
ONLINE_ONLY = ("plain_numba",)
SLOW = ("torch_eager", "torch_compiled", "biotorch_library")  # at batch 1: measured on fewer frames
SLOW_FRAMES = 2_000
SAME = 0.005  # accuracies that far apart count as equal


def measure(settings: work.Settings) -> Section:
    section = Section(facts={"accuracy": {}, "times": {}, "operations": {}})
    dataset = work.mnist(settings.train)
    for batch in (1, 100):
        for rule in ("srbp", "bp"):
            _measure(section, settings, dataset, rule, batch)
    return section


def _measure(section: Section, settings: work.Settings, dataset: Dataset, rule: str, batch: int) -> None:
    plan = work.plan_of(work.scenario(rule, batch), dataset)
    task = work.task_of(plan, dataset, rule)
    contestants: dict[str, Peer] = {"engine": Engine(plan, dataset)}
    labels: dict[str, str] = {"engine": "engine"}
    for module, name in PEERS.items():
        if batch > 1 and module in ONLINE_ONLY:
            continue
        found = _load(section, module)
        if found is not None:
            contestants[module] = getattr(found, name)(task)
            labels[module] = f"{found.NAME} {found.VERSION}"
    key = f"{rule}, {'online' if batch == 1 else f'batch {batch}'}"
    accuracies = {}
    for name in list(contestants):
        order = task.order
        if batch == 1 and name in ("torch_compiled", "biotorch_library"):
            order = order[: max(2_000, len(order) // 20)]
        try:
            contestants[name].train(order)
        except Exception as error:  # whatever a compiler may raise where it does not work
            why = f"{type(error).__name__}: {str(error).splitlines()[0]}"
            section.notes.append(f"{labels[name]} left out ({key}): {why}")
            del contestants[name]
            continue
        if len(order) == len(task.order):
            accuracies[labels[name]] = work.accuracy(*contestants[name].weights(), dataset)
    apart = max(accuracies.values()) - min(accuracies.values())
    section.facts["accuracy"][key] = accuracies
    section.notes.append(
        f"{key}: accuracies after one epoch of {settings.train} lie within {100 * apart:.2f} points "
        f"({100 * min(accuracies.values()):.2f} %)" + ("" if apart <= SAME else ": NOT the same work")
    )
    runs = {name: _run(name, peer, task, batch) for name, peer in contestants.items()}
    if batch == 1:
        bound = MemoryBound(task)
        runs["bound"], labels["bound"] = lambda: bound.train(task.order), "memory bound"
    times = interleave(runs, max(settings.rounds, 3))
    section.facts["times"][key] = {
        labels[name]: {"median": each.median, "rounds": each.rounds} for name, each in times.items()
    }
    section.facts["operations"][key] = _operations(contestants["engine"])
    section.rows += _rows(key, batch, times, labels)


def _operations(run: Any) -> dict[str, float]:
    """The engine's counts per frame: multiply-accumulates of messages and of updates, synapse writes."""
    counters, frames = run.state.counters, run.state.frame
    return {name: float(counters[name].sum()) / frames for name in ("macs", "update_macs", "writes", "bits")}


def _run(name: str, peer: Peer, task: work.Task, batch: int) -> Callable[[], int]:
    order = task.order[:SLOW_FRAMES] if batch == 1 and name in SLOW else task.order
    return lambda: peer.train(order)


def _load(section: Section, module: str) -> Any:
    """The peer's module, or None with a note where its library is not there."""
    try:
        return importlib.import_module(f"benchmarks.peers.{module}")
    except ImportError as error:
        note = f"{module} left out: {error}"
        if note not in section.notes:
            section.notes.append(note)
        return None


def _rows(key: str, batch: int, times: dict[str, Times], labels: dict[str, str]) -> list[Row]:
    engine = times["engine"].median
    rows = []
    for name, other in times.items():
        detail = f"{us(engine)} : {us(other.median)}"
        if name == "bound":
            ratio = engine / other.median
            rows.append(Row(key, "of the memory bound's time", ratio, BOUND_TARGET, BOUND_STRETCH, False, detail))
        elif name != "engine":
            target, stretch = TARGETS.get((batch, name), (None, None))
            rows.append(Row(key, f"x as fast as {labels[name]}", other.median / engine, target, stretch, True, detail))
    return rows
