"""Engine and reference side by side: update by update from the same weights, and how far they are apart after each."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch

from channelsim import engine, reference, tolerances
from channelsim.boundaries import Follower, is_cut
from channelsim.data import Dataset
from channelsim.plan import Plan
from channelsim.reference import State
from channelsim.reference.state import records
from channelsim.sensitivity import Sensitivity

COUNTED = ("messages", "sent", "delivered", "dropped", "corrupted", "late", "overflow", "lost_messages",
           "flipped_bits", "bits", "header_bits", "busy", "wait")  # fmt: skip
"""The counters that engine and reference both keep."""


@dataclass(frozen=True)
class Comparison:
    """Some updates, engine against reference.

    Attributes:
        max_weight_difference: after each update the largest difference of any W, b or C, flips not counted, in units
            of the largest of them or 1.
        tolerance_used: after each update the largest share that a difference takes of what is accepted for it (see
            `accepted`); inf if a number is not finite.
        flips: values that fell on two sides of a rounding boundary, or weights whose quantizer did.
        values: values and weights that came before a boundary.
        expected_flips: as many of these may be flips, chance aside: `tolerances.FLIPS` of them, and those that rounding
            can take across a boundary.
        steps: updates of layers, those that are zero not counted.
        blind: in how many of these rounding leaves no step whose sign is certain.
        end: why the comparison ended before its time, in words; empty if it did not.
        disagreements: what else differs, a line each: messages, counters, the clock.
    """

    max_weight_difference: list[float] = field(default_factory=list)
    tolerance_used: list[float] = field(default_factory=list)
    flips: int = 0
    values: int = 0
    expected_flips: float = 0.0
    steps: int = 0
    blind: int = 0
    end: str = ""
    disagreements: list[str] = field(default_factory=list)

    @property
    def accepted_flips(self) -> int:
        """How many flips pass: the expected number, and what chance may add to it."""
        spread = tolerances.FLIP_DEVIATIONS * math.sqrt(self.expected_flips)
        return math.ceil(self.expected_flips + spread)

    @property
    def passed(self) -> bool:
        """Differences within the tolerances, no disagreement, and flips as rare as chance makes them."""
        return (
            all(used <= 1 for used in self.tolerance_used)
            and self.flips <= self.accepted_flips
            and not self.disagreements
        )


@dataclass
class Pair:
    """A plan in the engine and in the reference, at the same frame.

    Attributes:
        ours, theirs: engine and reference.
        follower: the reference's witness.
        sensitivity: what rounding may change.
        wires: where in C the channels that learn have theirs.
    """

    plan: Plan
    ours: engine.State
    theirs: State
    follower: Follower
    sensitivity: Sensitivity
    wires: list[slice]

    @property
    def references(self) -> list[State]:
        """The reference and those with moved numbers."""
        return [self.theirs, *self.sensitivity.references]

    def load(self) -> None:
        """The references go on from the engine's W, b and residuals, and its C so far as that learns."""
        arrays = {name: getattr(self.ours, name) for name in ("weights", "biases", "feedback", "residuals")}
        for name in ("weights", "biases", "residuals"):
            getattr(self.theirs, name).copy_(torch.tensor(arrays[name]))
        for part in self.wires:
            self.theirs.feedback[part] = torch.tensor(arrays["feedback"][part])
        for ref in self.references:
            ref.own_state[:] = self.ours.own_state
        self.sensitivity.load(arrays, self.wires)

    def advance(self, until_frame: int) -> tuple[bool, bool]:
        """All that happens before frame `until_frame` enters. Returns whether engine and reference are finite."""
        self.follower.forget()
        finite = True
        try:
            engine.advance(self.plan, self.ours, until_frame, self.follower.collect)
        except engine.Diverged:
            finite = False
        engine.settle(self.ours)
        finite = finite and all(np.isfinite(getattr(self.ours, name)).all() for name in ("weights", "biases"))
        self.sensitivity.advance(until_frame)
        try:
            reference.advance(self.theirs, until_frame)
        except IndexError:  # the log2 quantizer has no level for NaN
            return finite, False
        return finite, self._reference_is_finite()

    def _reference_is_finite(self) -> bool:
        top = self.theirs.current[-1][1]
        arrays = (self.theirs.weights, self.theirs.biases, top)
        return self.follower.errors_finite and all(bool(values.isfinite().all()) for values in arrays)

    def may_overflow(self) -> bool:
        """Whether a sum of this frame exceeds float32, or would in another order."""
        weights = float(torch.cat([self.theirs.weights, self.theirs.feedback]).abs().amax())
        widest = int(max(self.plan.layers["n"].max(), self.plan.layers["fan_in"].max()))
        largest = self.follower.largest
        bound = widest * largest * max(1.0, weights, self.plan.batch * largest)
        return not bound < torch.finfo(torch.float32).max / 2


def start(plan: Plan, dataset: Dataset, frames: int, reference_plan: Plan | None = None) -> Pair:
    """Engine and reference before the first frame; the messages of so many frames can be compared."""
    return _pair(plan, dataset, engine.start(plan, dataset, trace_frames=frames), reference_plan)


def _pair(plan: Plan, dataset: Dataset, ours: engine.State, reference_plan: Plan | None = None) -> Pair:
    theirs = reference.start(reference_plan or plan, dataset, clock=True)
    follower = Follower(plan.channel_names)
    sensitivity = Sensitivity(reference_plan or plan, dataset, follower.sent)
    theirs.witness, follower.rounding = follower, sensitivity
    wires = [slice(c.c_offset, c.c_offset + c.c_size) for c in theirs.channels if c.adaptive]
    return Pair(plan, ours, theirs, follower, sensitivity, wires)


def can_start_late(plan: Plan) -> bool:
    """Whether a comparison can begin at any frame.

    Not where something is in flight then (pipelined, or a link still busy after a deadline), and not with momentum.
    """
    tables = [plan.channels, *(change.channels for change in plan.changes)]
    return not plan.pipelined and plan.momentum == 0 and all((table["deadline"] < 0).all() for table in tables)


def start_late(plan: Plan, dataset: Dataset, ours: engine.State, frames: int) -> Pair:
    """Engine and reference where the engine is, between two frames of a plan that `can_start_late`."""
    arrays = engine.snapshot(ours)
    both = _pair(plan, dataset, engine.restore(plan, dataset, arrays, trace_frames=ours.frame + frames))
    for ref in both.references:
        ref.now, ref.frame = ours.now, ours.frame
        ref.channels[:] = records(ours.channels)
        ref.layer_free = [ref.now + int(backlog) for backlog in ours.layer_backlog]
        for link, row, backlog in zip(ref.links, records(ours.links), ours.link_backlog, strict=True):
            link.numerator, link.denominator, link.queue = row.ps_numerator, row.ps_denominator, row.queue
            link.free = ref.now + int(backlog)
    both.theirs.counters[:] = ours.counters
    both.load()
    return both


def compare(plan: Plan, dataset: Dataset, updates: int, reference_plan: Plan | None = None) -> Comparison:
    """The first updates of a plan, engine against reference.

    Under the sequential schedule a frame is an update; under the pipelined one, whatever happens before the next
    frame enters is compared together. `reference_plan` is what the reference runs in place of `plan`.
    """
    frames = min(updates, plan.frames)
    return compare_on(start(plan, dataset, frames, reference_plan), frames)


def compare_on(both: Pair, updates: int, until: float = math.inf) -> Comparison:
    """The next updates; no further one begins at time `until` (of `time.monotonic`) or later."""
    follower, first = both.follower, both.ours.frame
    found: list[Difference] = []
    counters: list[str] = []
    end = ""
    for frame in range(first, first + updates):
        if frame > first:
            if time.monotonic() >= until:
                break
            both.load()
        before, known = numbers(both.theirs), len(follower.unexplained)
        tally = follower.flips, follower.values, follower.expected
        ours, theirs = both.advance(frame + 1)
        if ours and theirs:
            apart, differing = difference(both, before), counted(both)
            agree = apart.used <= 1 and len(follower.unexplained) == known and differing == counters
            if agree or not both.may_overflow():
                found.append(apart)
                counters = differing
                continue
        del follower.unexplained[known:]
        follower.flips, follower.values, follower.expected = tally
        if not ours and not theirs:
            end = f"update {frame + 1}: both diverge, numbers are no longer finite"
        elif both.may_overflow():
            end = f"update {frame + 1}: sums may exceed float32, and their order decides the result"
        else:
            one, other = ("engine", "reference") if theirs else ("reference", "engine")
            follower.unexplained.append(f"update {frame + 1}: the {one} diverges, the {other} does not")
        break
    return Comparison(
        max_weight_difference=[apart.weights for apart in found],
        tolerance_used=[apart.used for apart in found],
        flips=follower.flips,
        values=follower.values,
        expected_flips=follower.expected,
        steps=sum(apart.steps for apart in found),
        blind=sum(apart.blind for apart in found),
        end=end,
        disagreements=follower.unexplained + counters,
    )


@dataclass
class Difference:
    """Between engine and reference after a frame: see `Comparison`."""

    weights: float = 0.0
    used: float = 0.0
    steps: int = 0
    blind: int = 0

    def hold(self, own: torch.Tensor, other: torch.Tensor, limit: torch.Tensor) -> None:
        """Takes in how far some numbers of the reference are from the engine's, and how far they may be."""
        apart = (own - other).abs()
        self.weights = max(self.weights, float(apart.amax()) / max(1.0, float(own.abs().amax())))
        share = float(torch.where(apart == 0, 0.0, apart / limit).amax())
        self.used = max(self.used, math.inf if math.isnan(share) else share)

    def count(self, step: torch.Tensor, limit: torch.Tensor) -> None:
        """Counts a layer's step; blind is one of which no value would be found if its sign were wrong."""
        if bool((step != 0).any()):
            self.steps += 1
            self.blind += not bool((2 * step.abs() > limit).any())


@dataclass(frozen=True)
class Numbers:
    """W, b and C of all layers and channels, flat, in the plan's layout."""

    weights: torch.Tensor
    biases: torch.Tensor
    feedback: torch.Tensor


def numbers(state: State | engine.State) -> Numbers:
    """A copy of them, from engine or reference."""
    return Numbers(*(torch.tensor(np.asarray(getattr(state, name))) for name in ("weights", "biases", "feedback")))


def accepted(
    own: torch.Tensor, before: torch.Tensor, steps: Sequence[torch.Tensor], rounding: torch.Tensor, largest: float
) -> torch.Tensor:
    """How far numbers of a layer may be from the engine's after these steps, each.

    Their own last digits, 1e-5 of the layer's largest step, and what rounding all numbers does to the update. `largest`
    is the largest number of the frame: next to 0 float32 has fewer digits, and that may have been multiplied by it.
    """
    step = max([float((own - before).abs().amax()), *(float(step.abs().amax()) for step in steps)])
    digits = tolerances.LAST_DIGITS * max(1, len(steps)) * torch.maximum(own.abs(), before.abs())
    return digits + tolerances.WEIGHTS * step + rounding + tolerances.SMALLEST * max(1.0, largest)


def difference(both: Pair, before: Numbers) -> Difference:
    """How far W, b and C are apart, without flips; `before` is what the reference had when the frame entered."""
    theirs, follower, sensitivity = both.theirs, both.follower, both.sensitivity
    ours, found = numbers(both.ours), Difference()
    for h, layer in enumerate(theirs.layers):
        if layer.w_size:
            w, b = theirs.synapses(h)
            steps = [step for _, _, step in follower.updates.get(h, [])]
            place, b_place = (
                slice(first, first + size)
                for first, size in ((layer.w_offset, layer.w_size), (layer.b_offset, layer.b_size))
            )
            was, other = before.weights[place].view(w.shape), ours.weights[place].view(w.shape)
            limit = accepted(w, was, steps, sensitivity.of_weights(h, is_cut(layer)), follower.largest)
            flipped = follower.explain_weights(theirs, h, other.flatten()).view(w.shape)
            found.hold(w, torch.where(flipped, w, other), limit)
            found.count(w - was, limit)
            if layer.b_size:
                was = before.biases[b_place]
                limit = accepted(b, was, [b - was] * len(steps), sensitivity.of_biases(h), follower.largest)
                found.hold(b, ours.biases[b_place], limit)
    for c, channel in enumerate(theirs.channels):
        if channel.c_size:
            place = slice(channel.c_offset, channel.c_offset + channel.c_size)
            own, limit = theirs.wires(c), torch.zeros(channel.c_size)
            if channel.adaptive:
                limit = accepted(own, before.feedback[place], [], sensitivity.of_wires(c), follower.largest)
            found.hold(own, ours.feedback[place], limit)
    return found


def counted(both: Pair) -> list[str]:
    """The counters and the clock where they differ, a line each."""
    ours, theirs = both.ours, both.theirs
    lines = []
    if theirs.now != ours.now:
        lines.append(f"simulated time: {ours.now} ps in the engine, {theirs.now} ps in the reference")
    for name, mine, other in zip(both.plan.channel_names, ours.counters, theirs.counters, strict=True):
        lines += [
            f"{name}: {field} is {mine[field]} in the engine, {other[field]} in the reference"
            for field in COUNTED
            if mine[field] != other[field]
        ]
    return lines
