"""How well the learning signals that arrive agree with the gradient, and C with the weights that it stands for.

A fixed probe (the first samples of the training set, neither mirrored nor moved) passes through the network as it is,
with its channels and its schedule but without learning, and the learning signal R^h that arrives at each hidden layer
is kept. The same probe passes once more over ideal channels with backpropagation: that gives the true gradient's
signal.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from channelsim import engine
from channelsim.data import Dataset
from channelsim.engine.sizes import evaluated_at_once
from channelsim.plan import Direction, Kind, Plan, Wiring, ideal_backpropagation, is_ideal
from channelsim.rules import SHAPED_AS_WEIGHTS

LARGE_FRAME = 100  # samples: more pass no faster


@dataclass(frozen=True)
class Alignment:
    """Agreement at one hidden layer; NaN where it is not defined.

    Of a layer with several copies of C, C is their mean; of one that receives errors from several layers there is none.

    cosine and sign_agreement compare the delivered learning signal with the true gradient's over probe and units
    (signs: where the gradient is not zero). feedback_cosine and feedback_sign_agreement compare C with the transposed
    weights between the two layers that it joins (of a channel that skips layers: with the product of all of them;
    a convolution's bank with its kernels); signs over the wires that exist. C is what section 2 of docs/design.md says:
    W transposed for `bp`, which makes both 1, and magnitudes with the signs of W for `sign`. The layer that sends has
    to have a W, and a channel must skip dense layers only.
    """

    layer: str
    cosine: float
    sign_agreement: float
    feedback_cosine: float
    feedback_sign_agreement: float


class Probe:
    """The first `size` samples of a training set, and the runs in which they pass, kept from one measurement to the
    next. A probe belongs to one learner."""

    def __init__(self, dataset: Dataset, size: int) -> None:
        self._samples = replace(dataset, train_x=dataset.train_x[:size], train_y=dataset.train_y[:size])
        self._tables: tuple[bytes, ...] = ()
        self._runs: list[engine.State] = []

    def signals(self, learner: engine.State) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """R of all layers for each sample, (samples, units), with the synapses of `learner`: as it is delivered, and
        the true gradient's."""
        tables = (learner.channels.tobytes(), learner.links.tobytes())
        if self._runs and self._runs[0].shares_synapses_with(learner) and tables == self._tables:
            for run in self._runs:
                engine.rewind_probe(run)
        else:
            delivering, self._tables = _probe_plan(learner, len(self._samples.train_y)), tables
            plans = [_in_large_frames(plan) for plan in (delivering, ideal_backpropagation(delivering))]
            self._runs = [engine.start_probe(plan, self._samples, learner) for plan in plans]
        for run in self._runs:
            engine.advance(run.plan, run, run.plan.frames)
        delivered, true = (run.signals for run in self._runs)
        return delivered, true


def measure(state: engine.State, probe: Probe) -> list[Alignment]:
    """Alignment of each hidden layer that receives an error. Leaves the state as it is (but settled)."""
    engine.settle(state)
    delivered, true = probe.signals(state)
    plan, weights = state.plan, state.weights
    learning = plan.channels["direction"] == Direction.LEARNING
    found = []
    for h in np.unique(plan.channels["target"][learning]):
        layer, arriving = plan.layers[h], np.flatnonzero(learning & (plan.channels["target"] == h))
        units = slice(int(layer["unit_offset"]), int(layer["unit_offset"] + layer["n"]))
        found.append(
            Alignment(
                plan.layer_names[h - 1],
                *_compare(delivered[:, units], true[:, units]),
                *_compare_feedback(plan, arriving, weights, state.feedback),
            )
        )
    return found


def _probe_plan(state: engine.State, size: int) -> Plan:
    return replace(
        state.plan,
        channels=state.channels.copy(),
        links=state.links.copy(),
        changes=(),
        train_size=size,
        epochs=1,
        shuffle=False,
    )


def _in_large_frames(plan: Plan) -> Plan:
    """The plan with as many samples a frame as run fast, where results do not depend on the size of frames: one frame
    after another, and without draws."""
    if plan.pipelined or not is_ideal(plan.channels, plan.links).all():
        return plan
    return replace(plan, batch=max(plan.batch, min(LARGE_FRAME, evaluated_at_once(plan.layers))))


def _compare(a: NDArray[np.float32], b: NDArray[np.float32]) -> tuple[float, float]:
    """(cosine, share of equal signs where b is not zero)."""
    a, b = a.ravel(), b.ravel()  # once, and not in each of what follows
    norm = float(np.linalg.norm(a)) * float(np.linalg.norm(b))
    cosine = float(np.vdot(a, b)) / norm if norm > 0 else float("nan")
    there = np.count_nonzero(b)
    equal = np.count_nonzero((a > 0) & (b > 0)) + np.count_nonzero((a < 0) & (b < 0))
    return cosine, equal / there if there else float("nan")


def _compare_feedback(
    plan: Plan, arriving: NDArray[np.int64], weights: NDArray[np.float32], feedback: NDArray[np.float32]
) -> tuple[float, float]:
    """The C of the channels that arrive at a layer, as one, against the weights."""
    channel = plan.channels[arriving[0]]
    if (plan.channels["source"][arriving] != channel["source"]).any():
        return float("nan"), float("nan")
    source, target = int(channel["source"]), int(channel["target"])
    wiring, w = channel["wiring"], _weights_of(plan, source, weights)
    if wiring in (Wiring.TRANSPOSE, Wiring.PRODUCT) and w.any():
        return 1.0, 1.0
    if wiring in SHAPED_AS_WEIGHTS:
        values = _mean([_values(plan, c, feedback) for c in arriving])
        return _compare(w, values * np.sign(w) if wiring == Wiring.SIGN else values)
    between = plan.layers[target + 1 : source + 1]
    if wiring == Wiring.TRANSPOSE or (between["kind"] != Kind.DENSE).any():
        return float("nan"), float("nan")
    path = np.eye(int(plan.layers[source]["n"]), dtype=np.float32)
    for h in range(source, target, -1):
        path = _weights_of(plan, h, weights).reshape(-1, int(plan.layers[h]["n"])) @ path
    wires = _mean([_wires(plan, c, feedback) for c in arriving])
    if wiring == Wiring.SPARSE_SIGN:
        wires = wires * np.sign(path.T)
    cosine, _ = _compare(wires, path.T)
    there = wires != 0
    return cosine, _compare(path.T[there], wires[there])[1]


def _weights_of(plan: Plan, h: int, weights: NDArray[np.float32]) -> NDArray[np.float32]:
    """W of layer h, flat."""
    layer = plan.layers[h]
    return weights[layer["w_offset"] : layer["w_offset"] + layer["w_size"]]


def _mean(parts: list[NDArray[np.float32]]) -> NDArray[np.float32]:
    """The mean of arrays of one shape."""
    return parts[0] if len(parts) == 1 else np.mean(parts, axis=0, dtype=np.float32)


def _values(plan: Plan, c: int, feedback: NDArray[np.float32]) -> NDArray[np.float32]:
    """C of one channel, flat."""
    channel = plan.channels[c]
    return feedback[channel["c_offset"] : channel["c_offset"] + channel["c_size"]]


def _wires(plan: Plan, c: int, feedback: NDArray[np.float32]) -> NDArray[np.float32]:
    """C of one channel as a matrix (source units, target units), 0 where there is no wire."""
    channel = plan.channels[c]
    target = int(plan.layers[channel["target"]]["n"])
    n, n_target = int(channel["rank"]) or int(plan.layers[channel["source"]]["n"]), target
    values = _values(plan, c, feedback)
    if channel["wiring"] == Wiring.DENSE:
        matrix = values.reshape(n, n_target)
        if not channel["rank"]:
            return matrix
        units = int(plan.layers[channel["source"]]["n"])
        return feedback[channel["p_offset"] :][: units * n].reshape(units, n) @ matrix
    matrix = np.zeros((n, n_target), np.float32)
    start = plan.c_start[channel["start_offset"] : channel["start_offset"] + n + 1]
    rows = np.repeat(np.arange(n), np.diff(start))
    matrix[rows, plan.c_index[channel["c_offset"] : channel["c_offset"] + channel["c_size"]]] = values
    return matrix
