"""Engine against reference: some updates, each from the same weights; on request also the results of whole runs.

Before each update the reference starts from the engine's weights. What then differs is held against float32: 1e-5 of
the layer's step, or what one rounding of all numbers does to the update in this network (`channelsim.sensitivity`).
Values on a rounding boundary are counted apart (`channelsim.boundaries`). Messages, bits and times of these updates
have to be the same too.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from channelsim.errors import InputError

try:
    import torch
except ModuleNotFoundError as missing:
    if missing.name != "torch":
        raise
    raise InputError("verify needs PyTorch, the reference: pip install 'channelsim[reference]'") from None

from channelsim import engine, given, memory, metrics, reference, side_by_side, tolerances
from channelsim.data import Dataset, dataset_of
from channelsim.plan import Plan, build, refuse_long_steps, tables
from channelsim.scenario import Scenario, only_scenario
from channelsim.side_by_side import Comparison, compare

UPDATES = 20
"""How many updates are compared from the start, unless asked for more."""

CHUNKS = 100
"""Into so many parts a whole run is divided, to show how far it is."""

LATER_UPDATES = 5
"""How many are compared from each later point."""

LATER = (0.5, 1.0)
"""These points, as shares of the run."""

SECONDS = 3.0
"""Time for the updates from the start, and again for all later ones: when it is over no further update begins."""

ENGINE_SECONDS = 1.0
"""Time for the engine on its way to the later points. The last one is where it has got to by then."""


class Watcher(Protocol):
    """Receives the progress of a verification."""

    def note(self, text: str) -> None:
        """Something worth a line."""

    def trained(self, program: str, frames: int, of: int) -> None:
        """The "engine" or the "reference" has trained so many frames of a whole run."""


class Unwatched(Watcher):
    """A watcher that shows nothing."""

    def note(self, text: str) -> None:
        return

    def trained(self, program: str, frames: int, of: int) -> None:
        return


@dataclass(frozen=True, repr=False)
class Verification:
    """What `verify` found.

    Attributes:
        scenario: its name.
        compared: the updates that were compared, as (first, last), counted from 1.
        comparison: how these came out.
        epochs: after how many accuracies or losses were compared; 0: they were not.
        test_accuracy: {"engine": 0..1, "reference": 0..1}; None if they were not compared, or if targets are real.
        accuracy_tolerance: how far they may differ.
        loss: of real targets, {"engine": ..., "reference": ...}, on the test set, or on the training set where there is
            no other; else None.
        loss_tolerance: how far they may differ.
        passed: whether everything lies within its tolerance.
    """

    scenario: str
    compared: list[tuple[int, int]]
    comparison: Comparison
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

    @property
    def max_weight_difference(self) -> list[float]:
        """See `Comparison`; one number an update."""
        return self.comparison.max_weight_difference

    @property
    def disagreements(self) -> list[str]:
        """See `Comparison`; empty if all is well."""
        return self.comparison.disagreements

    def to_json(self) -> dict[str, Any]:
        """The object that `channelsim verify --json` prints."""
        found = self.comparison
        return {
            "scenario": self.scenario,
            "updates": self.updates,
            "compared": self.compared,
            "max_weight_difference": found.max_weight_difference,
            "tolerance_used": found.tolerance_used,
            "flips": found.flips,
            "values": found.values,
            "blind": found.blind,
            "end": found.end,
            "disagreements": found.disagreements,
            "epochs": self.epochs,
            "test_accuracy": self.test_accuracy,
            "loss": self.loss,
            "passed": self.passed,
        }

    def __repr__(self) -> str:
        found = self.comparison
        which = ", ".join(f"{first}" if first == last else f"{first} to {last}" for first, last in self.compared)
        verdict = "DIFFER" if not self.passed else "agree" if self.compared else "cannot be compared"
        lines = [f"{self.scenario}: engine and reference {verdict}"]
        if self.compared:
            lines += [
                f"  updates   {which}, each from the same weights",
                f"  weights   largest difference {max(found.max_weight_difference):.1e}; of what rounding explains at "
                f"most {100 * max(found.tolerance_used):.2g} % (accepted: 100 %)",
            ]
        if found.values:
            lines.append(
                f"  rounding  {found.flips} of {found.values:,} values on a boundary fell on two sides"
                f" (accepted: {found.accepted_flips})"
            )
        if found.blind:
            lines.append(f"  blind     in {found.blind} of {found.steps} updates of a layer rounding leaves no digit")
        if found.end:
            lines.append(f"  ended     {found.end}")
        lines += [f"  differs   {line}" for line in found.disagreements]
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
    scenario: Scenario,
    updates: int | None = None,
    train: bool = False,
    dataset: Dataset | None = None,
    watcher: Watcher | None = None,
) -> Verification:
    """Runs engine and reference side by side.

    Arguments:
        scenario: what to run.
        updates: the first N of the run are compared, however long that takes. None: up to 20 from the start and a few
            from the middle and the end of the run, in seconds: fewer where an update takes long, and earlier ones where
            the engine takes long to get there. Only from the start where more than weights passes from one frame to
            the next (pipelined schedules, momentum, deadlines).
        train: whether both also train to the end, to compare test accuracies (of real targets: losses).
        dataset: in place of the scenario's.
        watcher: receives notes, and the progress of the training.

    Raises:
        InputError: the scenario's data set is not there or does not fit.
        RunError: with `train`, the engine's weights are no longer finite.
    """
    watcher = watcher or Unwatched()
    only_scenario(scenario)
    data = dataset or dataset_of(scenario)
    for sentence in dict.fromkeys((*scenario.advice(), *data.warnings)):
        watcher.note(f"warning: {sentence}")
    structure = tables(scenario, data.shape, data.outputs, data.real)
    memory.refuse_excess(scenario, structure, len(data.train_x))
    refuse_long_steps(scenario, structure, len(data.train_y), len(data.test_y))
    weights = given.load(scenario, structure)
    plan = build(scenario, data.shape, data.outputs, len(data.train_x), data.real, weights)
    if seconds := engine.seconds_to_compile(plan, trace_frames=1):
        watcher.note(f"compiling the engine, once on this machine (about {seconds} s) ...")
    with one_thread():
        parts = some_updates(plan, data) if updates is None else [(0, compare(plan, data, updates))]
        losses, shares = judged(plan, data, watcher) if train else (None, None)
    found = merged([part for _, part in parts])
    accuracy, loss = (None, losses) if data.real else (shares, None)
    samples, targets = evaluated(data)
    granted = accuracy_tolerance(accuracy, len(samples)) if accuracy else tolerances.ACCURACY_ONE_SEED
    granted_loss = loss_tolerance(targets) if loss else tolerances.LOSS_ONE_SEED
    close = all(
        pair is None or abs(pair["engine"] - pair["reference"]) <= most
        for pair, most in ((accuracy, granted), (loss, granted_loss))
    )
    return Verification(
        scenario=scenario.name,
        compared=[(first + 1, first + len(part.tolerance_used)) for first, part in parts if part.tolerance_used],
        comparison=found,
        epochs=plan.epochs if train else 0,
        test_accuracy=accuracy,
        accuracy_tolerance=granted,
        loss=loss,
        loss_tolerance=granted_loss,
        passed=found.passed and close,
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


def some_updates(plan: Plan, dataset: Dataset) -> list[tuple[int, Comparison]]:
    """Updates from the start of a run and from later points, each part with its first frame; in seconds."""
    frames = min(UPDATES, plan.frames)
    both = side_by_side.start(plan, dataset, frames)
    parts = [(0, side_by_side.compare_on(both, frames, until=time.monotonic() + SECONDS))]
    compared = len(parts[0][1].tolerance_used)
    if compared < frames or not side_by_side.can_start_late(plan):
        return parts
    later = engine.start(plan, dataset)
    end = time.monotonic() + SECONDS
    for share in LATER:
        wanted = round(share * plan.frames) - LATER_UPDATES
        if wanted < compared:
            continue
        if not engine_reaches(plan, later, wanted) or later.frame < compared:
            break
        both = side_by_side.start_late(plan, dataset, later, LATER_UPDATES)
        parts.append((later.frame, side_by_side.compare_on(both, LATER_UPDATES, until=end)))
        compared = later.frame + LATER_UPDATES
        if later.frame < wanted:
            break
    return parts


def engine_reaches(plan: Plan, state: engine.State, frame: int) -> bool:
    """Takes the engine to a frame, or as far as it comes in `ENGINE_SECONDS`. Returns False if it diverges."""
    end = time.monotonic() + ENGINE_SECONDS
    chunk = 16
    try:
        while state.frame < frame and time.monotonic() < end:
            begin = time.monotonic()
            engine.advance(plan, state, min(state.frame + chunk, frame))
            if time.monotonic() - begin < ENGINE_SECONDS / 20:
                chunk *= 2
    except engine.Diverged:
        return False
    return True


def merged(parts: list[Comparison]) -> Comparison:
    """Several comparisons as one."""
    return Comparison(
        max_weight_difference=[apart for part in parts for apart in part.max_weight_difference],
        tolerance_used=[used for part in parts for used in part.tolerance_used],
        flips=sum(part.flips for part in parts),
        values=sum(part.values for part in parts),
        expected_flips=sum(part.expected_flips for part in parts),
        steps=sum(part.steps for part in parts),
        blind=sum(part.blind for part in parts),
        end="; ".join(part.end for part in parts if part.end),
        disagreements=[line for part in parts for line in part.disagreements],
    )


def evaluated(dataset: Dataset) -> tuple[NDArray[np.float32], NDArray[Any]]:
    """The test set, or the training set where there is no other: images and targets."""
    part = "test" if len(dataset.test_y) else "train"
    return getattr(dataset, f"{part}_x"), getattr(dataset, f"{part}_y")


def judged(plan: Plan, dataset: Dataset, watcher: Watcher) -> tuple[dict[str, float], dict[str, float]]:
    """Losses and accuracies on `evaluated` samples after a whole run of each, both judged by the reference."""
    ours, theirs = engine.start(plan, dataset), reference.start(plan, dataset)
    for until in chunks(plan):
        engine.advance(plan, ours, until)
        watcher.trained("engine", until, plan.frames)
    engine.settle(ours)
    for until in chunks(plan):
        reference.advance(theirs, until)
        watcher.trained("reference", until, plan.frames)
    of_reference = reference.evaluate(theirs, *evaluated(dataset))
    for name in ("weights", "biases"):
        getattr(theirs, name).copy_(torch.tensor(getattr(ours, name)))
    of_engine = reference.evaluate(theirs, *evaluated(dataset))
    losses, shares = ({"engine": of_engine[i], "reference": of_reference[i]} for i in range(2))
    return losses, shares


def chunks(plan: Plan) -> list[int]:
    """The frames up to which a whole run goes at a time: its end last."""
    return [plan.frames * part // CHUNKS for part in range(1, CHUNKS + 1)]


def loss_tolerance(targets: NDArray[Any]) -> float:
    """How far two losses of one seed may lie apart on these real targets (N, n_L)."""
    return tolerances.LOSS_ONE_SEED * max(metrics.mean_square(targets) / 2, tolerances.WEIGHTS)


def accuracy_tolerance(accuracy: dict[str, float], samples: int) -> float:
    """How far two accuracies of one seed may lie apart on a test set of so many samples."""
    p = float(np.clip(np.mean(list(accuracy.values())), 1 / (2 * samples), 1 - 1 / (2 * samples)))
    chance = tolerances.ACCURACY_DEVIATIONS * math.sqrt(2 * p * (1 - p) / samples)
    return max(tolerances.ACCURACY_ONE_SEED, chance)
