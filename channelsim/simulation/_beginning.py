"""All that is settled before a run's first frame: its scenario, data, plan and, where it goes on, its checkpoint."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from channelsim import given, identity, memory, metrics, provenance, trace
from channelsim.data import Dataset, dataset_of
from channelsim.errors import InputError
from channelsim.paths import path_of
from channelsim.plan import Plan, Recording, build, places_of, recording_of, refuse_long_steps, tables
from channelsim.plan.given import fitted_feedback, fitted_synapses
from channelsim.scenario import Scenario, only_scenario, refuse_undeclared
from channelsim.version import version

INIT = "init"
"""The part of what a result depends on that weights given in Python are."""


@dataclass(frozen=True)
class Beginning:
    """A run before its first frame, or where it stopped.

    `inputs` are the digests of what its results depend on; `resumed` the trace that it goes on in, with the arrays of
    its checkpoint, and `longer` whether it has more epochs than that was begun with.
    """

    scenario: Scenario
    dataset: Dataset
    plan: Plan
    recording: Recording
    own_metrics: tuple[metrics.Own, ...]
    inputs: Mapping[str, str]
    resumed: Path | None = None
    arrays: Mapping[str, NDArray[Any]] | None = None
    longer: bool = False

    def writer(self, out: Path | None, force: bool) -> trace.Writer | None:
        """The trace that the run goes on in, or a new one at `out`; None without either."""
        if self.resumed is not None:
            longer = (self.scenario.resolved, json.dumps(self.inputs)) if self.longer else None
            return trace.reopen(self.resumed, self.plan, longer, self.recording)
        if out is None:
            return None
        about = provenance.collect(self.scenario.seed) | {"inputs": json.dumps(self.inputs)}
        return trace.create(out, self.scenario.text, self.scenario.resolved, self.plan, about, force, self.recording)


def begin(
    scenario: Scenario | None,
    dataset: Dataset | None,
    init: Mapping[str, NDArray[Any]] | None,
    resume: str | Path | None,
    epochs: int | None,
    watch: bool,
    trust: bool,
) -> Beginning:
    """What `Simulation` begins with; arguments as there. Raises InputError as it does."""
    if scenario is not None:
        only_scenario(scenario)
    arrays: Mapping[str, NDArray[Any]] | None = None
    begun: identity.Inputs | None = None
    done = False
    if resume is not None:
        with trace.Trace(resume) as old:
            _refuse_other_version(old)
            arrays = old.checkpoint()
            scenario, begun, done = _of_trace(old), old.inputs, old.status == "done"
            _refuse_code_elsewhere(scenario, old.path, trust)
    elif epochs is not None:
        raise InputError("run: epochs goes with resume=TRACE; accepted: training.epochs of the scenario")
    if scenario is None:
        raise InputError("run: give a scenario, or resume=TRACE")
    if dataset is None:
        dataset = dataset_of(scenario)
    own = {INIT: _digest(init)} if init is not None else {}
    if begun is not None and INIT in begun and not own:
        own = {INIT: begun[INIT]}  # the checkpoint has what became of them
    inputs = {**identity.inputs(scenario, dataset), **own}
    changed = identity.changes(begun, inputs) if begun is not None else ""
    if changed:
        raise InputError(
            f"{resume}: begun with other data: {changed} ({scenario.data.source}{_files(scenario)});"
            " accepted: the data as they were, or the whole run on these, with --force"
        )
    if epochs is not None and arrays is not None:
        scenario = _longer(scenario, epochs, done, arrays, len(dataset.train_y), f"{resume}: --epochs {epochs}")
        inputs = {**identity.inputs(scenario, dataset), **own}
    plan = _plan(scenario, dataset, init)
    places = places_of(plan.layers, plan.channels, plan.channel_names)
    own_metrics = metrics.own(scenario.metrics, dataset.targets, dataset.outputs)
    named = tuple((one.split, one.name) for one in own_metrics)
    recording = replace(recording_of(scenario, places, plan.frames_per_epoch), watch=watch, metrics=named)
    return Beginning(
        scenario,
        dataset,
        plan,
        recording,
        own_metrics,
        inputs,
        None if resume is None else path_of(resume),
        arrays,
        epochs is not None,
    )


def _plan(scenario: Scenario, dataset: Dataset, init: Mapping[str, NDArray[Any]] | None) -> Plan:
    """The plan of a run on a data set, with weights of files and of `init`. Raises InputError for what does not fit."""
    found = tables(scenario, dataset.shape, dataset.outputs, dataset.real)
    memory.refuse_excess(scenario, found, len(dataset.train_y))
    refuse_long_steps(scenario, found, len(dataset.train_y), len(dataset.test_y))
    weights = dict(given.load(scenario, found))
    if init is not None:
        weights |= fitted_synapses(INIT, init, found.layers)
        if any(name.startswith("C_") for name in init):
            weights |= fitted_feedback(INIT, init, found.layers, found.edges)
    return build(scenario, dataset.shape, dataset.outputs, len(dataset.train_y), dataset.real, weights)


def _digest(init: Mapping[str, NDArray[Any]]) -> str:
    """The SHA-256 of the arrays that a run was given to begin with."""
    state = hashlib.sha256()
    for name in sorted(init):
        values = np.ascontiguousarray(init[name], np.float32)
        state.update(f"{name} {values.shape}".encode())
        state.update(values.tobytes())
    return state.hexdigest()


def _files(scenario: Scenario) -> str:
    """The files of weights, as they are told beside the data."""
    return "".join(f", {key} = {name!r}" for key, name in identity.named_files(scenario).items())


def _refuse_other_version(old: trace.Trace) -> None:
    """Results are defined for one version: the end of a run by another would belong to neither."""
    begun, runs = str(old.provenance.get("channelsim", "")), version()
    if begun != runs:
        raise InputError(
            f"{old.path}: begun with channelsim {begun or 'of unknown version'}, this is {runs}; accepted: to go on"
            " with that version, or the whole run with this one, with --force"
        )


def _of_trace(old: trace.Trace) -> Scenario:
    resolved = old.resolved
    try:
        refuse_undeclared(resolved)
        scenario = Scenario(**resolved)
    except (InputError, TypeError) as error:  # TypeError: a key that is no keyword, such as `self`
        raise trace.damaged(old.path, f"/scenario/json: {error}") from None
    if scenario.digest() != old.inputs.get("scenario"):
        raise trace.damaged(old.path, "/scenario/json is not the scenario that it was begun with")
    return scenario


def _refuse_code_elsewhere(scenario: Scenario, trace: Path, trust: bool) -> None:
    """A trace may have been made by anybody, and the Python files that it names run."""
    folders = [Path().resolve(), trace.resolve().parent]
    for file in scenario.own_files():
        if not trust and not any(Path(file).resolve().is_relative_to(folder) for folder in folders):
            raise InputError(
                f"{trace}: uses {file}, which is code that runs; accepted: a file below the working directory or the"
                " trace's folder, or --trust"
            )


def _longer(
    scenario: Scenario, epochs: int, done: bool, arrays: Mapping[str, NDArray[Any]], samples: int, place: str
) -> Scenario:
    """The scenario with so many epochs. Raises InputError where to go on is not to have meant to from the start."""
    before, batch = scenario.training.epochs, scenario.training.frame_size(samples)
    if epochs < before + done:
        raise InputError(f"{place}: its run has {before}; accepted: {before + done} or more")
    entered = int(arrays["clock"]["next_frame"][0])
    if epochs > before and scenario.schedule.mode == "pipelined" and entered == before * math.ceil(samples / batch):
        raise InputError(
            f"{place}: the last frames have left its pipeline, with none behind them; accepted: a trace whose run was "
            "interrupted before that, or a new run with training.epochs"
        )
    return scenario.with_({"training.epochs": epochs})
