"""What a run leaves in its trace: rows after each epoch, weights, messages, and checkpoints."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from channelsim import engine, trace, units
from channelsim.plan import ALL, Recording, Series
from channelsim.simulation._course import Course, Epoch


def _within(rows: NDArray[Any], one: Series) -> NDArray[np.bool_]:
    """Which of the rows belong to a series."""
    after = rows["frame"] - one.first
    found: NDArray[np.bool_] = (rows["kind"] == one.kind) & (rows["place"] == one.place)
    found &= (after >= 0) & (after % one.every == 0)
    if one.stop != ALL:
        found &= rows["frame"] < one.stop
    if one.samples != ALL:
        found &= rows["sample"] < one.samples
    return found


class Recorder:
    """Writes the course of a run into its trace."""

    def __init__(self, writer: trace.Writer, course: Course, recording: Recording) -> None:
        self._writer, self._course, self._recording = writer, course, recording
        self._table = course.scenario.trace

    @property
    def path(self) -> Path:
        """The trace."""
        return self._writer.path

    def messages(self, rows: NDArray[Any], values: NDArray[np.float32]) -> None:
        """MESSAGE_ROW records and the values as sent."""
        self._writer.events(rows, engine.pack(rows, values, self._course.state.channels))

    def values(self, rows: NDArray[Any], values: NDArray[np.float32]) -> None:
        """VALUE_ROW records and the values that they refer to: those that the scenario wants recorded."""
        wanted: dict[str, NDArray[np.bool_]] = {}
        for one in self._recording.series:
            name = trace.record_name(self._course.plan, one)
            wanted[name] = wanted.get(name, np.zeros(len(rows), np.bool_)) | _within(rows, one)
        for name, chosen in wanted.items():
            found = rows[chosen]
            if len(found):
                columns = {column: found[column].copy() for column in ("frame", "sample", "image", "time")}
                of_all = values[found["start"][:, None] + np.arange(found["n"][0])]
                self._writer.values(name, trace.Rows(columns, of_all))

    def next_synapses(self) -> int:
        """The next frame before which synapses are recorded; that after the run's last one if there is none."""
        frame, frames = self._course.state.frame, self._course.plan.frames
        after = (
            max(0, (frame - one.first) // one.every + 1) * one.every + one.first for one in self._recording.snapshots
        )
        return min(after, default=frames)

    def synapses(self) -> None:
        """Records the synapses that are wanted as they are before the next frame."""
        course = self._course
        frame, state = course.state.frame, course.state
        names = {
            name
            for one in self._recording.snapshots
            if frame >= one.first and (frame - one.first) % one.every == 0 and (one.stop == ALL or frame < one.stop)
            for name in trace.synapses_recorded(course.plan, one)
        }
        if not names:
            return
        engine.settle(state)
        snapshot = trace.Snapshot(course.epoch, state.weights, state.biases, state.feedback)
        columns = {"frame": np.array([frame], np.int64), "time": np.array([state.now], np.int64)}
        for what in ("weights", "biases", "feedback"):
            for name, (array, _) in trace.arrays_of(course.plan, snapshot, what).items():
                if f"{what}/{name}" in names:
                    self._writer.values(f"{what}/{name}", trace.Rows(columns, array[None].astype(np.float32)))

    def epoch(self, epoch: Epoch) -> None:
        """All rows of an epoch that is over, and its weights if they are wanted."""
        course, writer, common = self._course, self._writer, dict(epoch.common)
        writer.train_row(common | epoch.figures["train"] | epoch.own["train"])
        if len(course.dataset.test_y):
            writer.test_row(common | epoch.figures["test"] | epoch.own["test"])
        if course.differs:
            writer.deployed_row(common | epoch.figures["test_deployed"])
        if len(course.dataset.validation_y):
            writer.validation_row(common | epoch.figures["validation"] | epoch.own["validation"])
        writer.channel_rows(
            epoch.number, course.plan.channel_names, epoch.counters, epoch.utilisation, epoch.energy, epoch.entropy
        )
        for name, ages in epoch.ages.items():
            writer.staleness(name, ages)
        for layer in epoch.alignment:
            aligned = asdict(layer)
            writer.alignment_row(aligned.pop("layer"), {"epoch": epoch.number} | aligned)
        every = self._table.weights_every
        if every and epoch.number % every == 0:
            self._weights()

    def _weights(self) -> None:
        course = self._course
        engine.settle(course.state)
        self._writer.weights(course.epoch, course.state.weights, course.state.biases, course.state.feedback)

    def checkpoint(self) -> None:
        """The trace on disk holds all that has come; from here the run can go on."""
        self._writer.checkpoint(self._course.snapshot())

    def checkpoint_if_due(self) -> None:
        """The same, as often as the scenario wants it."""
        if self._writer.due(units.seconds(self._table.checkpoint)):
            self.checkpoint()

    def done(self) -> None:
        """The run is over, and its trace whole."""
        if self._table.weights_every == 0:
            self._weights()
        self._finish("done", self._course.snapshot())

    def interrupted(self, resumable: bool) -> None:
        """The run stops: between two chunks, from where it can go on, or else as of the last checkpoint."""
        self._finish("interrupted", self._course.snapshot() if resumable else None)

    def diverged(self) -> None:
        """The run ends with what came until its weights grew without bound."""
        self._finish("diverged", None)

    def _finish(self, status: str, snapshot: dict[str, NDArray[Any]] | None) -> None:
        self._writer.finish(status, self._course.result(status, str(self.path)).to_json(), snapshot)
