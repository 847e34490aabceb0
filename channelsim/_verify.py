"""Engine against reference, from the same start: weights update by update, and accuracy or loss after the run.

Without quantizers and thresholds both run freely, and after each update no weight may differ by more than
1e-5. With them, the reference starts each update from the engine's weights, values on a rounding boundary are
counted apart (`channelsim.boundaries`), and all else is held to the same 1e-5. The messages, bits and times of
the compared updates have to be the same too.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from channelsim.errors import InputError

try:
    import torch
except ModuleNotFoundError as missing:
    if missing.name != "torch":
        raise
    raise InputError("verify needs PyTorch, the reference: pip install 'channelsim[reference]'") from None

from channelsim import engine, memory, metrics, reference, tolerances
from channelsim.boundaries import Follower, cuts, is_cut
from channelsim.data import Dataset, dataset_of
from channelsim.plan import Plan, build, tables
from channelsim.reference import State
from channelsim.scenario import Scenario

COUNTED = ("messages", "sent", "delivered", "dropped", "corrupted", "late", "overflow", "lost_messages",
           "flipped_bits", "bits", "header_bits", "busy", "wait")  # fmt: skip
"""The counters that engine and reference both keep."""


@dataclass(frozen=True)
class Comparison:
    """The first updates, engine against reference.

    Attributes:
        max_weight_difference: after each update the largest difference of any W, b or C, flips not counted, in units
            of the largest of them or 1.
        flips: values that fell on two sides of a rounding boundary, or weights whose quantizer did.
        values: values and weights that came before a boundary.
        expected_flips: as many of these may be flips, chance aside (`tolerances.FLIPS` of them).
        disagreements: what else differs, a line each: messages, counters, the clock.
    """

    max_weight_difference: list[float]
    flips: int
    values: int
    expected_flips: float
    disagreements: list[str]

    @property
    def accepted_flips(self) -> int:
        """How many flips pass: the expected number, and what chance may add to it."""
        spread = tolerances.FLIP_DEVIATIONS * math.sqrt(self.expected_flips)
        return math.ceil(self.expected_flips + spread)

    @property
    def passed(self) -> bool:
        """Differences within the tolerances, no disagreement, and flips as rare as chance makes them."""
        return (
            all(difference <= tolerances.WEIGHTS for difference in self.max_weight_difference)
            and self.flips <= self.accepted_flips
            and not self.disagreements
        )


@dataclass(frozen=True, repr=False)
class Verification:
    """What `verify` found.

    Attributes:
        scenario: its name.
        max_weight_difference: see `Comparison`; one number an update.
        flips, values, accepted_flips: see `Comparison`.
        disagreements: see `Comparison`; empty if all is well.
        epochs: after how many accuracies or losses were compared.
        test_accuracy: {"engine": 0..1, "reference": 0..1}; None if they were not compared, or if targets are real.
        accuracy_tolerance: how far they may differ.
        loss: of real targets, {"engine": ..., "reference": ...}, on the test set, or on the training set where there is
            no other; else None.
        loss_tolerance: how far they may differ.
        passed: whether everything lies within its tolerance.
    """

    scenario: str
    max_weight_difference: list[float]
    flips: int
    values: int
    accepted_flips: int
    disagreements: list[str]
    epochs: int
    test_accuracy: dict[str, float] | None
    accuracy_tolerance: float
    loss: dict[str, float] | None
    loss_tolerance: float
    passed: bool

    @property
    def updates(self) -> int:
        """How many updates were compared."""
        return len(self.max_weight_difference)

    def to_json(self) -> dict[str, Any]:
        """The object that `channelsim verify --json` prints."""
        return {
            "scenario": self.scenario,
            "updates": self.updates,
            "max_weight_difference": self.max_weight_difference,
            "flips": self.flips,
            "values": self.values,
            "disagreements": self.disagreements,
            "epochs": self.epochs,
            "test_accuracy": self.test_accuracy,
            "loss": self.loss,
            "passed": self.passed,
        }

    def __repr__(self) -> str:
        worst = max(self.max_weight_difference, default=0.0)
        lines = [
            f"{self.scenario}: engine and reference {'agree' if self.passed else 'DIFFER'}",
            f"  weights   largest difference {worst:.1e} over {self.updates} updates"
            f" (accepted: {tolerances.WEIGHTS:.0e})",
        ]
        if self.values:
            lines.append(
                f"  rounding  {self.flips} of {self.values:,} values on a boundary fell on two sides"
                f" (accepted: {self.accepted_flips})"
            )
        lines += [f"  differs   {line}" for line in self.disagreements]
        if self.test_accuracy is not None:
            ours, theirs = (100 * self.test_accuracy[who] for who in ("engine", "reference"))
            lines.append(
                f"  accuracy  {ours:.2f} % and {theirs:.2f} % on the test set after {self.epochs} epochs"
                f" (accepted: {100 * self.accuracy_tolerance:.1f} points)"
            )
        if self.loss is not None:
            lines.append(
                f"  loss      {self.loss['engine']:.4g} and {self.loss['reference']:.4g} after {self.epochs} epochs"
                f" (accepted: {self.loss_tolerance:.1g} apart)"
            )
        return "\n".join(lines)


def verify(
    scenario: Scenario, updates: int = 20, epochs: int | None = None, dataset: Dataset | None = None
) -> Verification:
    """Runs engine and reference side by side.

    Arguments:
        scenario: what to run.
        updates: so many frames are compared one by one (fewer if the run has fewer).
        epochs: after so many the test accuracies (of real targets: the losses) are compared, in runs of their own; 0:
            not at all; None: after the scenario's own number.
        dataset: in place of the scenario's.

    Raises:
        InputError: the scenario's data set is not there or does not fit.
        RunError: the engine's weights are no longer finite.
    """
    data = dataset or dataset_of(scenario)
    found = tables(scenario, data.shape, data.outputs, data.real)
    memory.refuse_excess(scenario, found, len(data.train_x))
    plan = build(scenario, data.shape, data.outputs, len(data.train_x), data.real)
    epochs = plan.epochs if epochs is None else epochs
    with one_thread():
        first = compare(plan, data, updates)
        losses, shares = judged(replace(plan, epochs=epochs), data) if epochs else (None, None)
    accuracy, loss = (None, losses) if data.real else (shares, None)
    samples, targets = evaluated(data)
    granted = accuracy_tolerance(accuracy, len(samples)) if accuracy else tolerances.ACCURACY_ONE_SEED
    granted_loss = loss_tolerance(targets) if loss else tolerances.LOSS_ONE_SEED
    close = all(
        found is None or abs(found["engine"] - found["reference"]) <= most
        for found, most in ((accuracy, granted), (loss, granted_loss))
    )
    return Verification(
        scenario=scenario.name,
        max_weight_difference=first.max_weight_difference,
        flips=first.flips,
        values=first.values,
        accepted_flips=first.accepted_flips,
        disagreements=first.disagreements,
        epochs=epochs,
        test_accuracy=accuracy,
        accuracy_tolerance=granted,
        loss=loss,
        loss_tolerance=granted_loss,
        passed=first.passed and close,
    )


@contextmanager
def one_thread() -> Iterator[None]:
    """PyTorch and the engine on one thread: the matrices are small, and threads wait for each other by spinning."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with engine.threads(1):
            yield
    finally:
        torch.set_num_threads(before)


def compare(plan: Plan, dataset: Dataset, updates: int, reference_plan: Plan | None = None) -> Comparison:
    """The first updates of a plan, engine against reference.

    Under the sequential schedule a frame is an update; under the pipelined one, whatever happens before the next
    frame enters is compared together. `reference_plan` is what the reference runs in place of `plan`.
    """
    frames = min(updates, plan.frames)
    ours = engine.start(plan, dataset, trace_frames=frames)
    theirs = reference.start(reference_plan or plan, dataset, clock=True)
    follower = Follower(plan.channel_names)
    theirs.witness = follower
    cut = any(map(cuts, theirs.channels)) or any(map(is_cut, theirs.layers)) or bool(plan.changes)
    differences = []
    for frame in range(frames):
        if cut and frame > 0:
            load_weights(theirs, ours)
        engine.advance(plan, ours, frame + 1, follower.collect)
        engine.settle(ours)
        reference.advance(theirs, frame + 1)
        differences.append(difference(theirs, ours, follower))
        follower.forget()
    disagreements = follower.unexplained + counted(theirs, ours, plan)
    return Comparison(differences, follower.flips, follower.values, follower.expected, disagreements)


def load_weights(theirs: State, ours: engine.State) -> None:
    """The reference goes on from the engine's W and b. (C it keeps: no quantizer stands before C.)"""
    for name in ("weights", "biases"):
        getattr(theirs, name).copy_(torch.tensor(getattr(ours, name)))


def difference(theirs: State, ours: engine.State, follower: Follower) -> float:
    """The largest difference of any W, b or C, in units of the largest of its kind or 1, without flips."""
    pairs = [
        (theirs.biases, torch.tensor(ours.biases)),
        (theirs.feedback, torch.tensor(ours.feedback)),
    ]
    engine_weights = torch.from_numpy(ours.weights)
    for h, layer in enumerate(theirs.layers):
        if layer.w_size:
            own = theirs.synapses(h)[0].flatten()
            other = engine_weights[layer.w_offset :][: layer.w_size]
            pairs.append((own, torch.where(follower.explain_weights(theirs, h, other), own, other)))
    largest = 0.0
    for own, other in pairs:
        if len(own):
            apart = float((own - other).abs().max()) / max(1.0, float(own.abs().max()))
            largest = max(largest, math.inf if math.isnan(apart) else apart)
    return largest


def counted(theirs: State, ours: engine.State, plan: Plan) -> list[str]:
    """The counters and the clock where they differ, a line each."""
    lines = []
    if theirs.now != ours.now:
        lines.append(f"simulated time: {ours.now} ps in the engine, {theirs.now} ps in the reference")
    for name, mine, other in zip(plan.channel_names, ours.counters, theirs.counters, strict=True):
        lines += [
            f"{name}: {field} is {mine[field]} in the engine, {other[field]} in the reference"
            for field in COUNTED
            if mine[field] != other[field]
        ]
    return lines


def evaluated(dataset: Dataset) -> tuple[NDArray[np.float32], NDArray[Any]]:
    """The test set, or the training set where there is no other: images and targets."""
    part = "test" if len(dataset.test_y) else "train"
    return getattr(dataset, f"{part}_x"), getattr(dataset, f"{part}_y")


def judged(plan: Plan, dataset: Dataset) -> tuple[dict[str, float], dict[str, float]]:
    """Losses and accuracies on `evaluated` samples after a whole run of each, both judged by the reference."""
    ours, theirs = engine.start(plan, dataset), reference.start(plan, dataset)
    engine.advance(plan, ours, plan.frames)
    engine.settle(ours)
    reference.advance(theirs, plan.frames)
    of_reference = reference.evaluate(theirs, *evaluated(dataset))
    load_weights(theirs, ours)
    of_engine = reference.evaluate(theirs, *evaluated(dataset))
    losses, shares = ({"engine": of_engine[i], "reference": of_reference[i]} for i in range(2))
    return losses, shares


def loss_tolerance(targets: NDArray[Any]) -> float:
    """How far two losses of one seed may lie apart on these real targets (N, n_L)."""
    return tolerances.LOSS_ONE_SEED * max(metrics.mean_square(targets) / 2, tolerances.WEIGHTS)


def accuracy_tolerance(accuracy: dict[str, float], samples: int) -> float:
    """How far two accuracies of one seed may lie apart on a test set of so many samples."""
    p = float(np.clip(np.mean(list(accuracy.values())), 1 / (2 * samples), 1 - 1 / (2 * samples)))
    chance = tolerances.ACCURACY_DEVIATIONS * math.sqrt(2 * p * (1 - p) / samples)
    return max(tolerances.ACCURACY_ONE_SEED, chance)
