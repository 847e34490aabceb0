"""The event engine as an instrument: ordinary scenarios of linear units whose weights are read frame by frame.

Errors are late because their link has a latency and frames enter at a fixed interval, never because of a delay
parameter: `ages` is what the engine counted. Statistics over many weights are taken from `side_by_side`, independent
copies of one hidden weight in one network, as each neuron's draws and residual are its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from channelsim import engine
from channelsim.data import Dataset, load_dataset
from channelsim.engine import State
from channelsim.plan import Plan, build
from channelsim.scenario import Scenario

Values = NDArray[np.float64]

INTERVAL = 1000
"""From one frame to the next, ns."""
EPOCH = 2000
"""Frames of an epoch: so many equal samples."""


def linear(*layers: Any, **tables: Any) -> Scenario:
    """A network of linear layers without biases, from their W (fan-in, units); tables as in TOML."""
    described = [
        {"kind": "dense", "units": len(w[0]), "transfer": "linear", "W": np.asarray(w, float).tolist()} for w in layers
    ]
    model = {"name": "linear", "input": [len(layers[0])], "bias": False, "layers": described}
    training = {"loss": "squared", "batch": 1, "shuffle": False, **tables.pop("training", {})}
    return Scenario.model_validate({"name": "linear", "model": model, "training": training, **tables})


def feedback(*matrices: Any) -> dict[str, Any]:
    """[learning.feedback] with these C, of layer 1, 2, ...: a row for each unit that sends."""
    return {"C": {str(h): np.asarray(c, float).tolist() for h, c in enumerate(matrices, start=1)}}


def late(*, learning: Sequence[float] = (), forward: Sequence[float] = ()) -> dict[str, Any]:
    """[schedule] and [channels] of a pipeline whose learning channels to layer 1, 2, ... and forward channels to layer
    2, 3, ... have these latencies, in intervals between two frames."""
    channels = {
        **{f"learning.{h}": {"latency": f"{round(x * INTERVAL)} ns"} for h, x in enumerate(learning, start=1)},
        **{f"forward.{h}": {"latency": f"{round(x * INTERVAL)} ns"} for h, x in enumerate(forward, start=2)},
    }
    return {"schedule": {"mode": "pipelined", "interval": f"{INTERVAL} ns"}, "channels": channels}


@dataclass
class Run:
    """A run that is read as it goes."""

    plan: Plan
    state: State
    entered: list[int] = field(default_factory=list)
    """When the traced frames entered, ps."""
    sent: list[NDArray[np.float32]] = field(default_factory=list)
    """(units,) what the traced frames sent to layer 1 over its learning channel, after threshold and quantizer."""

    def weights(self) -> Values:
        """(all weights,) of this moment."""
        engine.settle(self.state)
        return self.state.weights.astype(float)

    def to(self, frame: int) -> Values:
        """The weights by which layer 1 computes frame `frame`."""
        engine.advance(self.plan, self.state, frame, self._collect)
        return self.weights()

    def path(self, frames: int, every: int = 1) -> Values:
        """(frames / every, all weights) of so many frames from now on, before the first of each `every`."""
        now = self.state.frame
        return np.array([self.to(k) for k in range(now, now + frames, every)])

    def errors(self) -> Values:
        """(traced frames, units) what was sent to layer 1 so far."""
        return np.array(self.sent, float)

    def ages(self) -> list[dict[int, int]]:
        """For each layer from 1 on: how many updates had errors of which age, in frames."""
        return [{int(age): int(row[age]) for age in np.flatnonzero(row)} for row in self.state.ages[1:]]

    def _collect(self, rows: NDArray[Any], payload: NDArray[np.float32]) -> None:
        self.entered += rows["offered"][rows["channel"] == 0].tolist()
        to_layer_1 = rows[rows["channel"] == len(self.plan.channels) - 1]
        self.sent += [payload[row["payload"] : row["payload"] + row["neurons"]] for row in to_layer_1]


def started(scenario: Scenario, data: Dataset | None = None, trace_frames: int = 0) -> Run:
    """The scenario at its beginning, on its own samples or, where they have been loaded before, on these."""
    data = data or load_dataset(scenario.data)
    plan = build(scenario, data.shape, data.train_y.shape[1], len(data.train_x), real=True)
    return Run(plan, engine.start(plan, data, trace_frames=trace_frames))


def constant(x: float, target: float, copies: int = 1, samples: int = EPOCH) -> dict[str, Any]:
    """[data] of one sample with `copies` equal targets, shown `samples` times an epoch."""
    return {"train_x": [[x]] * samples, "train_y": [[target] * copies] * samples, "target": "real"}


def repeated(scenario: Scenario) -> Dataset:
    """The samples of a scenario `EPOCH` times over, which is quicker to read where a scenario is changed many times."""
    data = load_dataset(scenario.data)
    return replace(data, train_x=np.repeat(data.train_x, EPOCH, axis=0), train_y=np.repeat(data.train_y, EPOCH, axis=0))


def side_by_side(starts: Values, rate: float, a2: float = 1.0, c: float = 1.0, **tables: Any) -> Scenario:
    """(n,) hidden weights, each with its own output a2 w and its own error c e, and the target 1; the top is frozen."""
    n = len(starts)
    tables = {"data": constant(1.0, 1.0, n), "learning": {"rule": "rbp", "feedback": feedback(c * np.eye(n))}, **tables}
    tables["training"] = {"epochs": 100, **tables.get("training", {}), "learning_rate": {"default": rate, "2": 0.0}}
    return linear([starts.tolist()], a2 * np.eye(n), **tables)


def stays(run: Run, window: int, frames: int = 2000, settle: int = 300) -> bool:
    """Whether the error does not grow in so many frames, all of them traced.

    Its root mean square over the last `window` frames is held beside that over as many after the first `settle`. Where
    it has become 1/20 of the first error it has not grown (there the rounding of float32 may keep it up), and where it
    has become 10 times the first it has, though it may have come to another limit.
    """
    try:
        run.to(frames)
    except engine.Diverged:
        return False
    e = run.errors()
    early, end = (float(np.sqrt(np.mean(part**2))) for part in (e[settle : settle + window], e[-window:]))
    first = float(np.abs(e[0]).max())
    return bool(np.abs(e).max() < 10 * first) and (end < early or end < first / 20)
