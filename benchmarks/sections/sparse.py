"""Sparse events: activities that are mostly not sent, and errors that are mostly not sent."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from benchmarks import work
from benchmarks.peers.engine import Engine
from benchmarks.sections.variants import as_json, compare, name_of
from benchmarks.table import Row, Section, us
from channelsim import engine
from channelsim.data import Dataset
from channelsim.plan import Direction, Plan

FORWARD_TARGETS = {0.5: None, 0.25: 0.45, 0.1: None, 0.05: 0.2, 0.02: None}  # share sent: of the dense time
ERRORS_SENT, BACKWARD_TARGET = 0.05, 0.25


def measure(settings: work.Settings) -> Section:
    section = Section(facts={"forward": {}, "learning": {}})
    for batch in (1, 100):
        _forward(section, settings, batch)
    for batch in (1, 100):
        _learning(section, settings, batch)
    return section


# --- forward: inputs and hidden activities above a threshold -------------------------------------------


def _forward(section: Section, settings: work.Settings, batch: int) -> None:
    """The network 784-100x4-10 on inputs that are never zero, with thresholds that a share of each layer passes."""
    dataset = work.noise(2_000)
    dense = work.plan_of(work.scenario("srbp", batch), dataset)
    plans = {"dense": work.still(dense)}
    for share in FORWARD_TARGETS:
        plans[f"{share:.0%}"] = work.still(_thresholds(batch, share, dense, dataset))
    times, engines = compare(plans, dataset, settings)
    whole = times["dense"].median
    sent = {name: _share_sent(each, Direction.FORWARD) for name, each in engines.items()}
    section.facts["forward"][name_of(batch)] = {"times": as_json(times), "share_sent": sent}
    for share, target in FORWARD_TARGETS.items():
        name = f"{share:.0%}"
        what = f"{100 * sent[name]:.1f} % of the activities sent, srbp, {name_of(batch)}"
        detail = f"{us(times[name].median)} : {us(whole)}"
        if target is not None:
            section.rows.append(Row(what, "of the dense time", times[name].median / whole, target, None, False, detail))


def _thresholds(batch: int, share: float, dense: Plan, dataset: Dataset) -> Plan:
    """The same network with a threshold on each forward channel that `share` of the layer below passes."""
    weights, biases = work.matrices(dense, dense.weights, dense.biases)
    x, channels = dataset.train_x, {}
    for h, (w, b) in enumerate(zip(weights, biases, strict=True), start=1):
        value = np.quantile(np.abs(x), 1.0 - share)
        channels[f"forward.{h}"] = {"threshold": {"value": float(value)}}
        x = np.tanh(np.where(np.abs(x) > value, x, 0.0).astype(np.float32) @ w + b)
    return work.plan_of(work.scenario("srbp", batch, channels=channels), dataset)


# --- learning: errors above a threshold, with the residual kept ------------------------------------------


def _learning(section: Section, settings: work.Settings, batch: int) -> None:
    """The backward half is what a run takes longer than the same run under `top`, where no error is sent and only
    the 1,000 synapses of the top layer learn."""
    dataset = work.mnist(settings.train)
    trained = Engine(work.plan_of(work.scenario("srbp", batch), dataset), dataset)
    trained.train(dataset.train_y)
    engine.settle(trained.state)

    def plan(rule: str, **tables: Any) -> Plan:
        made = work.plan_of(work.scenario(rule, batch, **tables), dataset)
        return work.still(replace(made.with_weights(trained.state.weights), biases=trained.state.biases.copy()))

    def thresholded(value: float) -> Plan:
        return plan("srbp", channels={"learning": {"threshold": {"value": value}, "residual": "threshold"}})

    value = _threshold_for(ERRORS_SENT, thresholded, dataset, batch)
    plans = {"dense": plan("srbp"), "sparse": thresholded(value), "top": plan("top")}
    times, engines = compare(plans, dataset, settings)
    sent = _share_sent(engines["sparse"], Direction.LEARNING)
    halves = {name: times[name].median - times["top"].median for name in ("dense", "sparse")}
    section.facts["learning"][name_of(batch)] = {"times": as_json(times), "share_sent": sent, "threshold": value}
    what = f"{100 * sent:.1f} % of the error events sent, srbp, {name_of(batch)}"
    whole = f"{us(times['sparse'].median)} : {us(times['dense'].median)}"
    detail = f"{us(halves['sparse'])} : {us(halves['dense'])} (whole frames {whole})"
    ratio = halves["sparse"] / halves["dense"]
    section.rows.append(Row(what, "of the dense backward half's time", ratio, BACKWARD_TARGET, None, False, detail))


def _threshold_for(share: float, thresholded: Any, dataset: Dataset, batch: int) -> float:
    """By bisection on the logarithm, on real frames."""
    low, high = 1e-4, 1e2
    for _ in range(12):
        middle = float(np.sqrt(low * high))
        run = Engine(thresholded(middle), dataset)
        run.advance(max(1, 4_000 // batch))
        low, high = (middle, high) if _share_sent(run, Direction.LEARNING) > share else (low, middle)
    return float(np.sqrt(low * high))


def _share_sent(run: Engine, direction: Direction) -> float:
    channels = run.plan.channels
    chosen = channels["direction"] == direction
    counters = run.state.counters[chosen]
    return float(counters["sent"].sum() / (counters["messages"] * channels["n"][chosen]).sum())
