"""Drives the engine in chunks: progress, evaluation, trace, resume."""

from __future__ import annotations

import json
import math
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from channelsim import (
    accounting,
    alignment,
    cautions,
    congestion,
    deployment,
    engine,
    given,
    identity,
    memory,
    metrics,
    provenance,
    signals,
    trace,
    units,
)
from channelsim.data import Dataset, dataset_of
from channelsim.errors import InputError, RunError, Unwritable
from channelsim.paths import path_of
from channelsim.plan import Plan, build, refuse_long_steps, tables, unreachable
from channelsim.progress import Progress, Silent
from channelsim.result import Result
from channelsim.scenario import Scenario, only_scenario
from channelsim.version import version

CHUNK_SECONDS = 0.2  # between two looks at Ctrl-C, the clock and the progress bar
FIRST_CHUNK = 16  # frames
ROW = (  # of each epoch, kept for the result and across a resume
    "train_loss", "train_accuracy", "train_r2", "test_loss", "test_accuracy", "test_r2", "test_loss_deployed",
    "test_accuracy_deployed", "test_r2_deployed", "validation_loss", "validation_accuracy", "validation_r2", "energy",
    "updates",
)  # fmt: skip


def default_out(scenario: Scenario) -> Path:
    """Where the trace goes by default."""
    return Path("runs") / f"{scenario.name}.h5"


def run(
    scenario: Scenario | None = None,
    out: str | Path | None = None,
    force: bool = False,
    resume: str | Path | None = None,
    progress: Progress | None = None,
    threads: int | None = None,
    dataset: Dataset | None = None,
    epochs: int | None = None,
) -> Result:
    """Simulates a scenario and leaves a trace.

    Args:
        scenario: what to simulate; None with `resume`.
        out: the trace's path, `runs/<name>.h5` by default.
        force: overwrite a trace that exists.
        resume: a trace that was interrupted or killed: goes on from its checkpoint, bit for bit as if it had never
            stopped.
        progress: is called while the run goes on (see `channelsim.progress`).
        threads: threads of one frame's kernels, at most the machine's cores; 1 by default. They do not change the
            result.
        epochs: with `resume`, so many epochs in all, at least as many as the scenario says: a run that is done goes
            on, as if it had been meant to from the start.
        dataset: what `data.dataset_of(scenario)` returned, for many runs on the same data; loaded by default.

    Raises:
        InputError: scenario, data or trace cannot be used; or the data are not those that the trace was begun with.
        RunError: the weights diverged, or a pipeline cannot keep up; the trace is whole.
        KeyboardInterrupt: after Ctrl-C, within a second; the trace is whole and can be resumed. SIGTERM and SIGHUP do
            the same, and then end the process.
        Whatever a method of `progress` raises; the trace is whole and can be resumed.
    """
    began = time.perf_counter()
    if scenario is not None:
        only_scenario(scenario)
    listener = progress or Silent()
    arrays: Mapping[str, NDArray[Any]] | None = None
    begun: identity.Inputs | None = None
    done = False
    if resume is not None:
        with trace.Trace(resume) as old:
            _refuse_other_version(old)
            arrays = old.checkpoint()
            scenario, begun, done = _of_trace(old), old.inputs, old.status == "done"
    elif epochs is not None:
        raise InputError("run: epochs goes with resume=TRACE; accepted: training.epochs of the scenario")
    if scenario is None:
        raise InputError("run: give a scenario, or resume=TRACE")
    if dataset is None:
        dataset = dataset_of(scenario)
    inputs = identity.inputs(scenario, dataset)
    changed = identity.changes(begun, inputs) if begun is not None else ""
    if changed:
        raise InputError(
            f"{resume}: begun with other data: {changed} (data.name = {scenario.data.name!r}{_files(scenario)});"
            " accepted: the data as they were, or the whole run on these, with --force"
        )
    if epochs is not None and arrays is not None:
        scenario = _longer(scenario, epochs, done, arrays, len(dataset.train_y), f"{resume}: --epochs {epochs}")
        inputs = identity.inputs(scenario, dataset)
    found = tables(scenario, dataset.shape, dataset.outputs, dataset.real)
    memory.refuse_excess(scenario, found, len(dataset.train_y))
    refuse_long_steps(scenario, found, len(dataset.train_y), len(dataset.test_y))
    weights = given.load(scenario, found)
    plan = build(scenario, dataset.shape, dataset.outputs, len(dataset.train_y), dataset.real, weights)
    with signals.in_order():
        if resume is not None:
            longer = (scenario.resolved(), json.dumps(inputs)) if epochs is not None else None
            writer = trace.reopen(path_of(resume), plan, longer)
        else:
            about = provenance.collect(scenario.seed) | {"inputs": json.dumps(inputs)}
            target = path_of(out) if out is not None else default_out(scenario)
            writer = trace.create(target, scenario.text, scenario.resolved(), plan, about, force)
        with writer, _kernels(threads):
            with signals.kept_ctrl_c():
                sitting = _Run(scenario, dataset, plan, writer, listener, began, arrays)
            return sitting.go()


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
        scenario = Scenario(**resolved)
    except (InputError, TypeError) as error:  # TypeError: a key that is no keyword, such as `self`
        raise trace.damaged(old.path, f"/scenario/json: {error}") from None
    if scenario.digest() != old.inputs.get("scenario"):
        raise trace.damaged(old.path, "/scenario/json is not the scenario that it was begun with")
    return scenario


def _own_fault(arrays: Mapping[str, NDArray[Any]], state: engine.State) -> str:
    """What is wrong with the arrays that `_Run` adds to a checkpoint of this state, in words; empty if nothing is."""
    plan, channels = state.plan, len(state.plan.channels)
    rows = len(arrays["epoch_rows"]) if "epoch_rows" in arrays and arrays["epoch_rows"].ndim else 0
    wanted: dict[str, NDArray[Any]] = {
        "epoch_counters": np.zeros(channels, state.counters.dtype),
        "run_queue_max": np.zeros(channels, np.int64),
        "epoch_start": np.array(0, np.int64),
        "wall_times": np.zeros(2),
        "epoch_rows": np.zeros((rows, len(ROW))),
    }
    for name, array in wanted.items():
        if name not in arrays:
            return f"{name} is missing"
        if (arrays[name].dtype, arrays[name].shape) != (array.dtype, array.shape):
            return f"{name} is not of the type and shape {array.dtype}, {array.shape}"
    if unknown := arrays.keys() - wanted.keys() - engine.snapshot(state).keys():
        return f"{min(unknown)} is not part of one"
    if not rows * plan.frames_per_epoch <= state.frame <= (rows + 1) * plan.frames_per_epoch or rows > plan.epochs:
        return f"epoch_rows has {rows} epochs, and {state.frame} frames have entered"
    if not 0 <= int(arrays["epoch_start"]) <= state.now:
        return "epoch_start is out of range"
    return ""


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


@contextmanager
def _kernels(threads: int | None) -> Iterator[None]:
    """BLAS stays on one thread: the engine itself divides the work, so that the result does not depend on how many."""
    with threadpool_limits(limits=1), engine.threads(threads or 1):
        yield


@contextmanager
def _calm_interrupts() -> Iterator[list[bool]]:
    """Turns Ctrl-C into a flag that the run looks at between chunks; a second Ctrl-C interrupts at once."""
    flag: list[bool] = []

    def remember(number: int, frame: FrameType | None) -> None:
        if flag:
            raise KeyboardInterrupt
        flag.append(True)

    try:
        before = signal.signal(signal.SIGINT, remember)
    except ValueError:  # not the main thread: whoever runs this one decides about signals
        yield flag
        return
    try:
        yield flag
    finally:
        signal.signal(signal.SIGINT, before)


class _Asked(KeyboardInterrupt):
    """Ctrl-C, noticed between two chunks."""


class _Run:
    """One sitting of a run: the state of the engine and what has been reported of it."""

    def __init__(
        self,
        scenario: Scenario,
        dataset: Dataset,
        plan: Plan,
        writer: trace.Writer,
        listener: Progress,
        began: float,
        arrays: Mapping[str, NDArray[Any]] | None,
    ) -> None:
        self.scenario, self.dataset, self.plan = scenario, dataset, plan
        self.writer, self.listener, self.began = writer, listener, began
        self.telling = False  # the listener is called: the run can go on from there, whatever the listener raises
        traced = scenario.trace.event_frames
        if seconds := engine.seconds_to_compile(plan, trace_frames=traced):
            self._tell(listener.note, f"compiling the engine, once on this machine (about {seconds} s) ...")
        if arrays is None:
            self.state = engine.start(plan, dataset, trace_frames=traced)
            self.counters_before = self.state.counters.copy()
            self.now_before = 0
            self.earlier = 0.0  # wall time of earlier sittings
            self.training_time = 0.0
            self.rows: list[dict[str, float]] = []
            self.queue_max = np.zeros(len(plan.channels), np.int64)  # of the epochs that are done
        else:
            try:
                self.state = engine.restore(plan, dataset, dict(arrays), trace_frames=traced)
            except InputError as error:
                raise trace.damaged(writer.path, str(error)) from None
            if reason := _own_fault(arrays, self.state):
                raise trace.damaged(writer.path, f"/checkpoint: {reason}")
            self.counters_before = np.array(arrays["epoch_counters"])
            self.now_before = int(arrays["epoch_start"])
            self.earlier, self.training_time = (float(value) for value in arrays["wall_times"])
            self.rows = [dict(zip(ROW, row, strict=True)) for row in arrays["epoch_rows"].tolist()]
            self.queue_max = np.array(arrays["run_queue_max"])
        self.differs = len(dataset.test_y) > 0 and deployment.differs(plan)
        self.probe = alignment.Probe(dataset, min(scenario.trace.probe, plan.train_size))
        targets = {"train": dataset.train_y, "test": dataset.test_y, "validation": dataset.validation_y}
        self.variances = {part: metrics.variance(y) for part, y in targets.items()}  # NaN where there are classes
        self.data_warnings = (*dataset.warnings, *unreachable(scenario, dataset.train_y))
        self.behind: str | None = None  # the warning about a pipeline that cannot keep up
        self.told_losses = False
        self.epoch = len(self.rows)
        self.chunk = FIRST_CHUNK
        self.packing_time = 0.0  # of the chunk at work: writing messages down is no training

    # --- the run ------------------------------------------------------------------------------------------

    def go(self) -> Result:
        try:
            if self.dataset.found:
                self._tell(self.listener.note, f"data: {self.dataset.found}")
            for text in (*self.data_warnings, *self.writer.notes):
                self._tell(self.listener.note, f"warning: {text}")
            self._warm_up()
            with _calm_interrupts() as interrupted:
                result = self._simulate(interrupted)
        except Unwritable:
            raise  # the trace could not be written: on disk it is whole as of its last checkpoint
        except engine.Diverged as error:
            self.writer.finish("diverged", self._result("diverged").to_json())
            raise RunError(f"{self.scenario.name}: {error} (the trace up to there: {self.writer.path})") from None
        except BaseException as stop:
            # Between two chunks the run can go on from here; elsewhere the trace ends with its last checkpoint.
            snapshot = self._snapshot() if self.telling or isinstance(stop, _Asked) else None
            self.writer.finish("interrupted", self._result("interrupted").to_json(), snapshot)
            if isinstance(stop, RunError):
                raise RunError(f"{self.scenario.name}: {stop} (the trace up to there: {self.writer.path})") from None
            raise
        self.listener.finish(result)
        return result

    def _warm_up(self) -> None:
        """Compiles the engine or loads it, so that training time does not include that. Ctrl-C here ends at once."""
        self.writer.checkpoint(self._snapshot())  # from now on the run can be resumed
        with signals.kept_ctrl_c():
            engine.advance(self.plan, self.state, 0, self._collect)

    def _simulate(self, interrupted: list[bool]) -> Result:
        plan = self.plan
        self._tell(self.listener.start, self.scenario.name, plan.epochs, plan.frames_per_epoch, self.state.frame)
        while self.epoch < plan.epochs:
            self._train_to((self.epoch + 1) * plan.frames_per_epoch, interrupted)
            self._end_epoch()
        if self.scenario.trace.weights_every == 0:
            self._keep_weights()
        result = self._result("done")
        self.writer.finish("done", result.to_json(), self._snapshot())
        return result

    def _train_to(self, until: int, interrupted: list[bool]) -> None:
        """Chunk after chunk up to the end of an epoch; past the run's last frame, until nothing is in flight."""
        state, last = self.state, self.plan.frames
        while state.frame < until:
            if interrupted:
                raise _Asked
            first = state.frame
            began, self.packing_time = time.perf_counter(), 0.0
            # The run's last frame has a chunk of its own: with it everything that still waits is done.
            stop = min(until, first + self.chunk, last - 1 if first < last - 1 else last)
            engine.advance(self.plan, state, stop, self._collect)
            took = time.perf_counter() - began
            self.training_time += took - self.packing_time
            frames = state.frame - first
            self._tell(
                self.listener.chunk,
                state.frame,
                self.epoch + 1,
                frames / max(took, 1e-9),
                units.seconds(state.now),
                int(state.counters["bits"].sum()),
                state.mean_loss,
            )
            if state.frame in (until, last - 1):
                self._look_behind()
            self.chunk = max(1, min(4 * self.chunk, int(frames * CHUNK_SECONDS / max(took, 1e-6))))
            self._checkpoint_if_due()

    def _look_behind(self) -> None:
        """Warns once while a pipeline cannot keep up; the result says whether it did in the end."""
        found = congestion.behind(self.state)
        if found and not self.behind:
            self._tell(self.listener.note, f"warning: {found}")
        self.behind = found or self.behind

    def _look_at_losses(self) -> None:
        """Warns once while there is more to come; the result has the shares of the whole run."""
        if not self.told_losses and self.epoch < self.plan.epochs:
            for text in cautions.losses(self.state, self.state.counters):
                self.told_losses = True
                self._tell(self.listener.note, f"warning: after epoch {self.epoch}: {text}")

    def _collect(self, rows: NDArray[Any], values: NDArray[np.float32]) -> None:
        began = time.perf_counter()
        self.writer.events(rows, engine.pack(rows, values, self.state.channels))
        self.packing_time += time.perf_counter() - began

    def _end_epoch(self) -> None:
        plan, state, trace_table = self.plan, self.state, self.scenario.trace
        engine.settle(state)
        if not all(np.isfinite(buffer).all() for buffer in (state.weights, state.biases, state.feedback)):
            raise engine.Diverged(f"weights are no longer finite after epoch {self.epoch + 1}")
        self.epoch += 1
        updates, tally = self._updates(), engine.tally(state)
        data = self.dataset
        passed = tally.samples or math.nan
        judged = {  # (mean loss, accuracy)
            "train": (tally.loss / passed, math.nan if data.real else tally.correct / passed),
            "test": engine.evaluate(state, data.test_x, data.test_y),
            "test_deployed": deployment.evaluate(state, data) if self.differs else (math.nan, math.nan),
            "validation": engine.evaluate(state, data.validation_x, data.validation_y),
        }
        figures = {split: self._figures(split, *values) for split, values in judged.items()}
        counters = accounting.since(state.counters, self.counters_before)
        joules = accounting.energy(plan, counters)
        row = {
            "energy": float(joules.sum()) + (self.rows[-1]["energy"] if self.rows else 0.0),
            "updates": updates,
        }
        for split, values in figures.items():
            part, *deployed = split.split("_")
            row |= {"_".join([part, name, *deployed]): value for name, value in values.items()}
        self.rows.append(row)
        common = {
            "epoch": self.epoch,
            "frames": state.frame,
            "updates": updates,
            "learning_rate": plan.learning_rate * plan.rate_left(state.frame),
            "simulated_time": state.now,
            "wall_time": self._wall(),
        }
        self.writer.train_row(common | figures["train"])
        if len(data.test_y):
            self.writer.test_row(common | figures["test"])
        if self.differs:
            self.writer.deployed_row(common | figures["test_deployed"])
        if len(data.validation_y):
            self.writer.validation_row(common | figures["validation"])
        elapsed = state.now - self.now_before
        self.writer.channel_rows(
            self.epoch, plan.channel_names, counters, accounting.utilisation(counters, elapsed), joules
        )
        for h, name in enumerate(plan.layer_names, start=1):
            if state.ages[h].any():
                self.writer.staleness(name, np.trim_zeros(state.ages[h], "b"))
        if trace_table.alignment == "epoch":
            for layer in alignment.measure(state, self.probe):
                aligned = asdict(layer)
                self.writer.alignment_row(aligned.pop("layer"), {"epoch": self.epoch} | aligned)
        if trace_table.weights_every and self.epoch % trace_table.weights_every == 0:
            self._keep_weights()
        self.queue_max = np.maximum(self.queue_max, state.counters["queue_max"])
        state.clear_queues()
        self.counters_before, self.now_before = state.counters.copy(), state.now
        self._tell(
            self.listener.epoch,
            row
            | {
                "epoch": self.epoch,
                "simulated_time_s": units.seconds(state.now),
                "bits": int(state.counters["bits"].sum()),
                "frames_per_second": state.frame / max(self.training_time, 1e-9),
            },
        )
        self._look_at_losses()
        self._checkpoint_if_due()

    def _figures(self, split: str, loss: float, accuracy: float) -> dict[str, float]:
        """The columns of a split's row of metrics."""
        r2 = metrics.r2(loss, self.variances[split.removesuffix("_deployed")])
        return {"loss": loss, "accuracy": accuracy, "r2": r2}

    def _tell(self, method: Callable[..., None], *arguments: Any) -> None:
        """Calls a method of the listener, between two chunks."""
        self.telling = True
        method(*arguments)
        self.telling = False

    # --- what is kept ----------------------------------------------------------------------------------------

    def _wall(self) -> float:
        return self.earlier + time.perf_counter() - self.began

    def _updates(self) -> int:
        """Updates of the top layer so far."""
        return (int(self.rows[-1]["updates"]) if self.rows else 0) + self.state.updates

    def _keep_weights(self) -> None:
        engine.settle(self.state)
        self.writer.weights(self.epoch, self.state.weights, self.state.biases, self.state.feedback)

    def _checkpoint_if_due(self) -> None:
        if self.writer.due(units.seconds(self.scenario.trace.checkpoint)):
            self.writer.checkpoint(self._snapshot())

    def _snapshot(self) -> dict[str, NDArray[Any]]:
        return engine.snapshot(self.state) | {
            "epoch_counters": self.counters_before,
            "run_queue_max": self.queue_max,
            "epoch_start": np.array(self.now_before, np.int64),  # ps
            "wall_times": np.array([self._wall(), self.training_time], np.float64),
            "epoch_rows": np.array([[row[key] for key in ROW] for row in self.rows], np.float64).reshape(-1, len(ROW)),
        }

    def _result(self, status: str) -> Result:
        state = self.state
        counters = state.counters.copy()
        counters["queue_max"] = np.maximum(self.queue_max, counters["queue_max"])
        last = self.rows[-1] if self.rows else dict.fromkeys(ROW, math.nan)
        return Result(
            name=self.scenario.name,
            status=status,
            test_accuracy=last["test_accuracy"],
            test_loss=last["test_loss"],
            test_r2=last["test_r2"],
            test_accuracy_deployed=last["test_accuracy_deployed"],
            test_loss_deployed=last["test_loss_deployed"],
            test_r2_deployed=last["test_r2_deployed"],
            validation_accuracy=last["validation_accuracy"],
            validation_loss=last["validation_loss"],
            validation_r2=last["validation_r2"],
            train_accuracy=last["train_accuracy"],
            train_r2=last["train_r2"],
            loss=last["train_loss"],
            updates=self._updates(),
            frames=state.frame,
            simulated_time_ps=state.now,
            training_time_s=self.training_time,
            wall_time_s=self._wall(),
            energy_j=float(accounting.energy(self.plan, state.counters).sum()),
            energy_split=accounting.energy_split(self.plan, state.counters),
            channels=accounting.totals(self.plan, counters, state.now),
            trace=str(self.writer.path),
            warnings=tuple(self._warnings(status, counters)),
            history=tuple(row["test_accuracy"] for row in self.rows),
            energy_history=tuple(row["energy"] for row in self.rows),
        )

    def _warnings(self, status: str, counters: NDArray[Any]) -> list[str]:
        state, data = self.state, self.dataset
        found = [*self.data_warnings, *([self.behind] if self.behind else congestion.losses(state, counters))]
        found += cautions.losses(state, counters)
        if status != "done":
            return found
        last = self.rows[-1]
        found += cautions.overloads(state, counters)
        if len(data.test_y):
            found += cautions.at_chance("test accuracy", last["test_accuracy"], data.test_y)
            found += cautions.at_chance("test accuracy as deployed", last["test_accuracy_deployed"], data.test_y)
        else:
            found += cautions.at_chance("train accuracy", last["train_accuracy"], data.train_y)
        return found + cautions.rising([row["train_loss"] for row in self.rows])
