"""The course of a run: the engine between two chunks, what is counted of its epochs, and how they are judged."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from channelsim import accounting, alignment, cautions, congestion, deployment, engine, metrics, trace
from channelsim.errors import InputError
from channelsim.plan import unreachable
from channelsim.result import Result
from channelsim.simulation._beginning import Beginning
from channelsim.units import seconds

ROW = (  # of each epoch, kept for the result and across a resume
    "train_loss", "train_accuracy", "train_r2", "test_loss", "test_accuracy", "test_r2", "test_loss_deployed",
    "test_accuracy_deployed", "test_r2_deployed", "validation_loss", "validation_accuracy", "validation_r2", "energy",
    "updates", "simulated_time_s", "learning_entropy",
)  # fmt: skip


@dataclass(frozen=True)
class Epoch:
    """What one epoch added, and what came of it.

    `row`: ROW. `common`: the columns that all tables of metrics share; `figures`: loss, accuracy and R^2 by split.
    `own`: metrics of the user's own by split. `counters` (COUNTER records), `utilisation`, `energy` (J) and `entropy`
    by channel; `ages`: of each layer that has applied errors, how many of each age so far.
    """

    number: int
    row: Mapping[str, float]
    common: Mapping[str, Any]
    figures: Mapping[str, dict[str, float]]
    own: Mapping[str, dict[str, float]]
    counters: NDArray[Any]
    utilisation: NDArray[np.float64]
    energy: NDArray[np.float64]
    entropy: NDArray[np.float64]
    ages: Mapping[str, NDArray[np.int64]]
    alignment: tuple[alignment.Alignment, ...]


class Course:
    """The engine's state of one sitting, and what has been counted and judged since the run began."""

    def __init__(self, begun: Beginning, began: float) -> None:
        """`began`: when this sitting did, by `time.perf_counter`. Raises InputError for a checkpoint that is not one of
        this run."""
        self.scenario, self.dataset, self.plan = begun.scenario, begun.dataset, begun.plan
        plan, dataset, arrays = begun.plan, begun.dataset, begun.arrays
        recording = begun.recording
        self._began, self._watches = began, recording.watch
        if arrays is None:
            self.state = engine.start(plan, dataset, recording=recording)
            self._counters_before = self.state.counters.copy()
            self._now_before = 0
            self._earlier = 0.0  # wall time of earlier sittings
            self.training_time = 0.0
            self.rows: list[dict[str, float]] = []
            self.own_rows: list[dict[str, float]] = []
            self._queue_max = np.zeros(len(plan.channels), np.int64)  # of the epochs that are done
            self._entropy = np.zeros((2, len(plan.channels)))  # likewise: bits, and units that they are of
        else:
            assert begun.resumed is not None
            try:
                self.state = engine.restore(plan, dataset, dict(arrays), recording=recording)
            except InputError as error:
                raise trace.damaged(begun.resumed, str(error)) from None
            if reason := _own_fault(arrays, self.state, len(begun.own_metrics)):
                raise trace.damaged(begun.resumed, f"/checkpoint: {reason}")
            self._counters_before = np.array(arrays["epoch_counters"])
            self._now_before = int(arrays["epoch_start"])
            self._earlier, self.training_time = (float(value) for value in arrays["wall_times"])
            self.rows = [dict(zip(ROW, row, strict=True)) for row in arrays["epoch_rows"].tolist()]
            names = [one.measure for one in begun.own_metrics]
            self.own_rows = [{} for _ in self.rows]
            if names:
                self.own_rows = [dict(zip(names, row, strict=True)) for row in arrays["own_metrics"].tolist()]
            self._queue_max = np.array(arrays["run_queue_max"])
            self._entropy = np.array(arrays["run_entropy"])
        self.differs = len(dataset.test_y) > 0 and deployment.differs(plan)
        self._own = begun.own_metrics
        self._probe = alignment.Probe(dataset, min(begun.scenario.trace.probe, plan.train_size))
        squared = plan.own_loss is None  # R^2 is worked out from the loss
        self._variances = {  # NaN where there are classes
            part: metrics.variance(y) if squared else math.nan for part, y in dataset.targets.items()
        }
        self.data_warnings = (*dataset.warnings, *unreachable(begun.scenario, dataset.train_y))
        self._behind: str | None = None  # the warning about a pipeline that cannot keep up
        self._told_losses = False
        self._aside = 0.0  # of the chunk at work: writing messages down is no training

    @property
    def epoch(self) -> int:
        """Epochs that are done."""
        return len(self.rows)

    @property
    def epoch_is_over(self) -> bool:
        """Whether all frames of an epoch have entered that has not been judged yet."""
        return self.epoch < self.plan.epochs and self.state.frame >= (self.epoch + 1) * self.plan.frames_per_epoch

    @property
    def updates(self) -> int:
        """Updates of the top layer so far."""
        return (int(self.rows[-1]["updates"]) if self.rows else 0) + self.state.updates

    @property
    def wall_time(self) -> float:
        """s, earlier sittings included."""
        return self._earlier + time.perf_counter() - self._began

    # --- frames ---------------------------------------------------------------------------------------------

    def advance(self, until: int, collect: engine.Collect, watch: engine.Collect) -> float:
        """Frames up to this one, at most to the end of an epoch; past the run's last frame, until nothing is in flight.
        Returns how long it took, s."""
        state, first, last = self.state, self.state.frame, self.plan.frames
        # The run's last frame has a chunk of its own: with it everything that still waits is done.
        stop = min(until, (self.epoch + 1) * self.plan.frames_per_epoch, last - 1 if first < last - 1 else last)
        if self._watches:
            engine.watch_from(state, 0 if self.plan.pipelined else stop - 1)
        began, self._aside = time.perf_counter(), 0.0
        engine.advance(self.plan, state, stop, self._timed(collect), self._timed(watch))
        took = time.perf_counter() - began
        self.training_time += took - self._aside
        return took

    def _timed(self, take: engine.Collect) -> engine.Collect:
        def taken(rows: NDArray[Any], values: NDArray[np.float32]) -> None:
            began = time.perf_counter()
            take(rows, values)
            self._aside += time.perf_counter() - began

        return taken

    def falls_behind(self) -> str | None:
        """A warning, once, while a pipeline cannot keep up; the result says whether it did in the end."""
        found = congestion.behind(self.state)
        is_new = found and not self._behind
        self._behind = found or self._behind
        return found if is_new else None

    def losses(self) -> list[str]:
        """Warnings, once, while there is more to come; the result has the shares of the whole run."""
        if self._told_losses or self.epoch >= self.plan.epochs:
            return []
        found = cautions.losses(self.state, self.state.counters)
        self._told_losses = bool(found)
        return [f"after epoch {self.epoch}: {text}" for text in found]

    # --- epochs ---------------------------------------------------------------------------------------------

    def end_epoch(self) -> Epoch:
        """Judges the epoch that is over. Raises Diverged where a weight is no longer finite."""
        plan, state, data = self.plan, self.state, self.dataset
        engine.settle(state)
        if not all(np.isfinite(buffer).all() for buffer in (state.weights, state.biases, state.feedback)):
            raise engine.Diverged(f"weights are no longer finite after epoch {self.epoch + 1}")
        updates, tally = self.updates, engine.tally(state)
        passed = tally.samples or math.nan
        outputs = {
            split: np.zeros((len(data.targets[split]), data.outputs), np.float32)
            for split in {one.split for one in self._own}
        }
        judged = {  # (mean loss, accuracy)
            "train": (tally.loss / passed, math.nan if data.real else tally.correct / passed),
            "test": engine.evaluate(state, data.test_x, data.test_y, outputs.get("test")),
            "test_deployed": deployment.evaluate(state, data) if self.differs else (math.nan, math.nan),
            "validation": engine.evaluate(state, data.validation_x, data.validation_y, outputs.get("validation")),
        }
        if "train" in outputs:
            engine.evaluate(state, data.train_x, data.train_y, outputs["train"])
        own = self._own_figures(outputs)
        figures = {split: self._figures(split, *values) for split, values in judged.items()}
        counters = accounting.since(state.counters, self._counters_before)
        joules = accounting.energy(plan, counters)
        before = self.rows[-1] if self.rows else {"energy": 0.0, "learning_entropy": 0.0}
        entropy = accounting.entropies(state.unit_counts)
        row = {
            "energy": before["energy"] + float(joules.sum()),
            "updates": updates,
            "simulated_time_s": seconds(state.now),
            "learning_entropy": before["learning_entropy"] + accounting.learning_entropy(plan, counters, entropy),
        }
        for split, values in figures.items():
            part, *deployed = split.split("_")
            row |= {"_".join([part, name, *deployed]): value for name, value in values.items()}
        self.rows.append(row)
        self.own_rows.append({one.measure: own[one.split][one.name] for one in self._own})
        elapsed = state.now - self._now_before
        wanted = self.scenario.trace.alignment == "epoch"
        found = Epoch(
            number=self.epoch,
            row=row,
            common={
                "epoch": self.epoch,
                "frames": state.frame,
                "updates": updates,
                "learning_rate": plan.learning_rate * plan.rate_left(state.frame),
                "simulated_time": state.now,
                "wall_time": self.wall_time,
            },
            figures=figures,
            own=own,
            counters=counters,
            utilisation=accounting.utilisation(counters, elapsed),
            energy=joules,
            entropy=entropy,
            ages={
                name: np.trim_zeros(state.ages[h], "b")
                for h, name in enumerate(plan.layer_names, start=1)
                if state.ages[h].any()
            },
            alignment=tuple(alignment.measure(state, self._probe)) if wanted else (),
        )
        self._queue_max = np.maximum(self._queue_max, state.counters["queue_max"])
        self._entropy = self._entropy_so_far()
        state.begin_epoch()
        self._counters_before, self._now_before = state.counters.copy(), state.now
        return found

    def _entropy_so_far(self) -> NDArray[np.float64]:
        """Per channel the entropy of each epoch, times its units, summed over the run; and these units."""
        counts = self.state.unit_counts
        units = np.array([each.sum() for each in counts], np.float64)
        bits = np.where(units > 0, accounting.entropies(counts), 0.0) * units
        so_far: NDArray[np.float64] = self._entropy + np.array([bits, units])
        return so_far

    def _own_figures(self, outputs: Mapping[str, NDArray[np.float32]]) -> dict[str, dict[str, float]]:
        """The user's own columns of each split's row of metrics."""
        found: dict[str, dict[str, float]] = {split: {} for split in self.dataset.targets}
        for one in self._own:
            targets = self.dataset.targets[one.split]
            found[one.split][one.name] = metrics.value(one.part, outputs[one.split], targets)
        return found

    def _figures(self, split: str, loss: float, accuracy: float) -> dict[str, float]:
        """The columns of a split's row of metrics."""
        r2 = metrics.r2(loss, self._variances[split.removesuffix("_deployed")])
        return {"loss": loss, "accuracy": accuracy, "r2": r2}

    # --- what is kept ---------------------------------------------------------------------------------------

    def snapshot(self) -> dict[str, NDArray[Any]]:
        """All that the run needs to go on from here."""
        return engine.snapshot(self.state) | {
            "epoch_counters": self._counters_before,
            "run_queue_max": self._queue_max,
            "run_entropy": self._entropy,
            "epoch_start": np.array(self._now_before, np.int64),  # ps
            "wall_times": np.array([self.wall_time, self.training_time], np.float64),
            "epoch_rows": np.array([[row[key] for key in ROW] for row in self.rows], np.float64).reshape(-1, len(ROW)),
            **({"own_metrics": self._own_rows()} if self._own else {}),
        }

    def _own_rows(self) -> NDArray[np.float64]:
        """(epochs, metrics of the user's own)."""
        rows = [list(row.values()) for row in self.own_rows]
        return np.array(rows, np.float64).reshape(-1, len(self._own))

    def counters(self) -> NDArray[Any]:
        """COUNTER, one per channel, of the whole run so far."""
        counters = self.state.counters.copy()
        counters["queue_max"] = np.maximum(self._queue_max, counters["queue_max"])
        return counters

    def totals(self) -> dict[str, dict[str, float]]:
        """By channel, as in `Result.channels`, of the whole run so far."""
        bits, units = self._entropy_so_far()
        entropy = bits / np.where(units > 0, units, math.nan)
        return accounting.totals(self.plan, self.counters(), self.state.now, entropy)

    def result(self, status: str, where: str) -> Result:
        """What the run has come to; `where`: the path of its trace."""
        state, counters = self.state, self.counters()
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
            train_loss=last["train_loss"],
            updates=self.updates,
            frames=state.frame,
            simulated_time_ps=state.now,
            training_time_s=self.training_time,
            wall_time_s=self.wall_time,
            energy_j=float(accounting.energy(self.plan, state.counters).sum()),
            energy_split=accounting.energy_split(self.plan, state.counters),
            channels=self.totals(),
            trace=where,
            warnings=tuple(self._warnings(status, counters)),
            history=tuple(row["test_accuracy"] for row in self.rows),
            energy_history=tuple(row["energy"] for row in self.rows),
            time_history=tuple(row["simulated_time_s"] for row in self.rows),
            learning_entropy=last["learning_entropy"],
            staleness=_mean_age(state),
            own_metrics=self.own_rows[-1] if self.own_rows else {},
            own_history={
                one.measure: tuple(row[one.measure] for row in self.own_rows) for one in self._own if self.own_rows
            },
        )

    def _warnings(self, status: str, counters: NDArray[Any]) -> list[str]:
        state, data = self.state, self.dataset
        found = [*self.data_warnings, *([self._behind] if self._behind else congestion.losses(state, counters))]
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


def _mean_age(state: engine.State) -> float:
    """Frames, the mean over the errors that all layers have applied; NaN where they have applied none."""
    counts = state.ages.sum(axis=0)
    return float(np.arange(len(counts)) @ counts / counts.sum()) if counts.any() else math.nan


def _own_fault(arrays: Mapping[str, NDArray[Any]], state: engine.State, own_metrics: int) -> str:
    """What is wrong with the arrays that `Course` adds to a checkpoint of this state, in words; empty if nothing is.
    `own_metrics`: how many there are of the user's own."""
    plan, channels = state.plan, len(state.plan.channels)
    rows = len(arrays["epoch_rows"]) if "epoch_rows" in arrays and arrays["epoch_rows"].ndim else 0
    wanted: dict[str, NDArray[Any]] = {
        "epoch_counters": np.zeros(channels, state.counters.dtype),
        "run_queue_max": np.zeros(channels, np.int64),
        "run_entropy": np.zeros((2, channels)),
        "epoch_start": np.array(0, np.int64),
        "wall_times": np.zeros(2),
        "epoch_rows": np.zeros((rows, len(ROW))),
        **({"own_metrics": np.zeros((rows, own_metrics))} if own_metrics else {}),
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
