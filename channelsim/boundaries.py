"""Values on a rounding boundary: which differences between the messages of engine and reference rounding explains.

A threshold, a quantizer, the kink of ReLU and the choice of maxpool turn a difference in the last digit into a whole
step, if a value lies on the boundary. The engine writes down the messages that it sends; a `Follower` looks at each of
the reference's messages before it leaves and holds it against the engine's. Where float32 rounding explains the
difference, the reference goes on with the engine's value, so that each layer is compared by itself; if the two lay on
two sides of a boundary, the flip is counted. What rounding does not explain is reported, and there the reference goes
on with its own value. So a wrong rule cannot hide.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from channelsim import tolerances
from channelsim.plan import Direction, Quantizer, Scale
from channelsim.reference import State
from channelsim.reference.quantizers import quantize
from channelsim.reference.rules import after_update
from channelsim.reference.stages import Encoded, encode_active
from channelsim.sensitivity import SMALLEST, Key, kink_shows, scale_of_sent


@dataclass(frozen=True)
class Reconciled:
    """A frame's messages on one channel, held against the engine's.

    Attributes:
        encoded: the messages as the reference goes on with them.
        flips: which values fell on the other side of a boundary in the engine; bool (B, n).
        unexplained: which values differ for no such reason; bool (B, n).
        doubtful: which values rounding may take across a boundary, bool (B, n).
    """

    encoded: Encoded
    flips: torch.Tensor
    unexplained: torch.Tensor
    doubtful: torch.Tensor


def reconcile(
    channel: SimpleNamespace, encoded: Encoded, theirs: torch.Tensor, rounding: torch.Tensor | float = 0.0
) -> Reconciled:
    """Holds messages against `theirs`, float32 (B, n): what the engine sent.

    Threshold and quantizer are monotone at a given scale. So what the engine sent is explained if it lies
    between what would be sent for the reference's value a window lower and a window higher; away from a
    boundary these two are the same. `rounding` is what rounding may change in the values in this network, (B, n): the
    window is wider by as much.
    """
    v = encoded.v
    rounding = torch.as_tensor(rounding).expand(v.shape) + tolerances.SMALLEST
    if channel.quantizer != Quantizer.NONE and channel.scale_kind != Scale.FIXED:
        # The scale moves all values alike, and is rounded itself even where the values are exact.
        of_scale = rounding.amax(1, keepdim=True) / encoded.scale.clamp(min=SMALLEST) + tolerances.ROUNDING
        rounding = rounding + of_scale * torch.maximum(v.abs(), encoded.sent.abs())
    window = tolerances.BOUNDARY * v.abs().amax(1, keepdim=True) + rounding
    theta = channel.threshold if channel.has_threshold else 0.0
    edge = (v.abs() - theta).abs() <= window
    nonzero = quantize(channel.quantizer, channel.levels, v, encoded.scale, encoded.u) != 0
    unclear = edge & (theirs == 0)
    active = (encoded.active & ~(unclear & nonzero)) | (edge & (theirs != 0))
    # Whether a value that is too small for the quantizer's lowest level passed the threshold cannot be seen in what was
    # sent of it, but in the scale of all others: rms is over the active values.
    for other in (active | (unclear & ~nonzero), active & ~unclear):
        lost = ~_explain(channel, encoded, active, theirs, window)[2].all(1, keepdim=True)
        if lost.any():
            found = _explain(channel, encoded, other, theirs, window)[2].all(1, keepdim=True)
            active = torch.where(lost & found, other, active)
    revised, near, explained = _explain(channel, encoded, active, theirs, window)
    sent = torch.where(explained, theirs, revised.sent)
    theirs_whole = explained.all(1, keepdim=True)
    scale = torch.where(theirs_whole, scale_of_sent(channel, revised.scale, theirs), revised.scale)
    underflow = ((v != 0) | (theirs != 0)) & (torch.maximum(v.abs(), theirs.abs()) <= tolerances.SMALLEST)
    flips = ((active != encoded.active) & ~underflow) | (explained & ~near)
    lower, upper = (
        quantize(channel.quantizer, channel.levels, value, revised.scale, encoded.u)
        for value in (v - rounding, v + rounding)
    )
    # Next to the threshold, without one next to 0, it is rounding that makes a value an event or none.
    doubtful = ((lower - upper).abs() > 2 * window) | ((v.abs() - theta).abs() <= rounding)
    return Reconciled(replace(revised, sent=sent, scale=scale), flips, ~explained, doubtful & (v != 0))


def _explain(
    channel: SimpleNamespace, encoded: Encoded, active: torch.Tensor, theirs: torch.Tensor, window: torch.Tensor
) -> tuple[Encoded, torch.Tensor, torch.Tensor]:
    """The message with these values active, which of them equal `theirs`, and which do but for a boundary; (B, n)."""
    v = encoded.v
    revised = encode_active(channel, v, active, encoded.u)
    near = (revised.sent - theirs).abs() <= window
    lower, upper = (
        quantize(channel.quantizer, channel.levels, value, revised.scale, encoded.u)
        for value in (v - window, v + window)
    )
    return revised, near, near | (active & (lower - window <= theirs) & (theirs <= upper + window))


def cuts(channel: SimpleNamespace) -> bool:
    """Whether a channel has a boundary on which values may lie: a threshold or a quantizer."""
    return bool(channel.has_threshold or channel.quantizer != Quantizer.NONE)


def is_cut(layer: SimpleNamespace) -> bool:
    """Whether a layer's weights or their updates are quantized."""
    return bool(layer.update_quantizer != Quantizer.NONE or layer.weight_quantizer != Quantizer.NONE)


def flip_rate(quantizer: int, levels: int) -> float:
    """Which share of a quantizer's values may fall on two sides of a boundary."""
    if quantizer == Quantizer.UNIFORM:
        return max(tolerances.FLIPS, tolerances.LEVEL_FLIPS * levels)
    return tolerances.FLIPS


class Rounding(Protocol):
    """What rounding may change: `channelsim.sensitivity` measures it."""

    def of_messages(self, keys: Sequence[Key]) -> torch.Tensor | float:
        """In the values of these messages of one channel, before threshold and quantizer, (B, n)."""

    def of_step(self, h: int) -> torch.Tensor | float:
        """In the one step of layer h's W since the last frame entered, flat."""


class NoRounding(Rounding):
    """Nothing is known of it."""

    def of_messages(self, keys: Sequence[Key]) -> torch.Tensor | float:
        return 0.0

    def of_step(self, h: int) -> torch.Tensor | float:
        return 0.0


@dataclass
class Follower:
    """A reference's witness that compares messages with what the engine sent.

    Attributes:
        rounding: what rounding may change in the values of messages, float32 (B, n), and in the one step of a layer's
            W, flat; 0 if that is not known.
        flips: values that fell on the other side of a boundary in the engine, so far.
        values: values that came before a boundary, so far.
        expected: the number of flips among them that is just accepted, chance aside.
        unexplained: one line for each frame and channel with differences that no rounding explains.
        sent: what the engine sent since the last `forget`.
        updates: layer -> its updates since then: frame, W before it, and the step, flat.
        largest: the largest magnitude of a message or step since then; NaN if one is NaN.
        errors_finite: whether all learning messages since then are finite.
    """

    channel_names: tuple[str, ...]
    rounding: Rounding = field(default_factory=NoRounding)
    flips: int = 0
    values: int = 0
    expected: float = 0.0
    unexplained: list[str] = field(default_factory=list)
    sent: dict[Key, NDArray[np.float32]] = field(default_factory=dict)
    updates: dict[int, list[tuple[int, torch.Tensor, torch.Tensor]]] = field(default_factory=dict)
    largest: float = 0.0
    errors_finite: bool = True

    def collect(self, rows: NDArray[Any], payload: NDArray[np.float32]) -> None:
        """Takes the engine's MESSAGE_ROW records with the values behind them."""
        for row in rows:
            key = int(row["channel"]), int(row["frame"]), int(row["sample"])
            self.sent[key] = payload[row["payload"] : row["payload"] + row["neurons"]]

    def forget(self) -> None:
        """Before the next chunk: its messages and updates are others."""
        self.sent.clear()
        self.updates.clear()
        self.largest = 0.0
        self.errors_finite = True

    def message(self, ref: State, c: int, frame: int, encoded: Encoded, samples: Sequence[int]) -> Encoded:
        keys = [(c, frame, sample) for sample in samples]
        self._see(encoded.v)
        if ref.channels[c].direction == Direction.LEARNING:
            self.errors_finite &= bool(encoded.v.isfinite().all())
        if any(key not in self.sent for key in keys):
            self.unexplained.append(f"{self.channel_names[c]}: the engine sent no message in frame {frame}")
            return encoded
        channel = ref.channels[c]
        theirs = torch.from_numpy(np.stack([self.sent[key] for key in keys]))
        rounding = self.rounding.of_messages(keys)
        result = reconcile(channel, encoded, theirs, rounding)
        if cuts(channel):
            rate = flip_rate(channel.quantizer, channel.levels)
            self._enter(int(torch.count_nonzero(encoded.v)), result.flips, rate, result.doubtful)
        if result.unexplained.any():
            number = int(result.unexplained.sum())
            self.unexplained.append(f"{self.channel_names[c]}: {number} values in frame {frame}")
        if kink_shows(ref, channel):
            self._follow_kink(encoded.v, theirs, rounding)
        return result.encoded

    def _follow_kink(self, o: torch.Tensor, theirs: torch.Tensor, rounding: torch.Tensor | float) -> None:
        """Where S lies on the kink of ReLU, the engine's message shows which f' the engine has."""
        rounding = rounding + tolerances.SMALLEST
        window = tolerances.BOUNDARY * o.abs().amax(1, keepdim=True) + rounding
        flipped = ((theirs != 0) != (o != 0)) & (o <= window)
        o[flipped] = torch.where(theirs != 0, SMALLEST, 0.0)[flipped]  # o is the activity that the layer keeps
        self._enter(o.numel(), flipped, tolerances.FLIPS, (o > 0) & (o <= rounding))

    def _see(self, values: torch.Tensor) -> None:
        largest = float(values.abs().amax()) if values.numel() else 0.0  # of any NaN: NaN
        self.largest = float(np.maximum(self.largest, largest))  # NaN stays NaN

    def _enter(self, values: int, flips: torch.Tensor, rate: float, doubtful: torch.Tensor) -> None:
        self.values += values
        self.expected += values * rate + int(doubtful.sum())
        self.flips += int(flips.sum())

    def update(self, ref: State, h: int, frame: int, before: torch.Tensor, step: torch.Tensor) -> None:
        self._see(step)
        self.updates.setdefault(h, []).append((frame, before, step.clone()))

    def explain_weights(self, ref: State, h: int, engine: torch.Tensor) -> torch.Tensor:
        """Which of layer h's weights differ from the engine's because a quantizer met a boundary; bool, flat.

        Only where the layer has learned once since the last `forget`, as it does between two frames of the
        sequential schedule: after several updates one cannot tell what the weights were between them.
        """
        updates = self.updates.get(h, [])
        nothing = torch.zeros(len(engine), dtype=torch.bool)
        if len(updates) != 1 or not is_cut(ref.layers[h]):
            return nothing
        frame, before, step = updates[0]
        own = ref.synapses(h)[0].flatten()
        rounding = self.rounding.of_step(h) * ~certain_zeros(ref.layers[h], step)
        slack = tolerances.WEIGHTS * max(1.0, float(own.abs().max()))
        floor = tolerances.WEIGHT_FLOOR * max(1.0, float(before.abs().max()))
        window = tolerances.BOUNDARY * float(step.abs().max()) + tolerances.WEIGHT_FLOOR + rounding
        window = window * ~certain_zeros(ref.layers[h], step)
        lower = after_update(ref, h, frame, before - floor, step - window)
        upper = after_update(ref, h, frame, before + floor, step + window)
        between = (torch.minimum(lower, upper) - slack <= engine) & (engine <= torch.maximum(lower, upper) + slack)
        flipped = between & ((engine - own).abs() > slack)
        doubtful = (
            after_update(ref, h, frame, before, step + rounding) - after_update(ref, h, frame, before, step - rounding)
        ).abs() > slack
        layer = ref.layers[h]
        rate = max(
            flip_rate(layer.update_quantizer, layer.update_levels),
            flip_rate(layer.weight_quantizer, layer.weight_levels),
        )
        self._enter(step.numel(), flipped, rate, doubtful)
        return flipped


def certain_zeros(layer: SimpleNamespace, step: torch.Tensor) -> torch.Tensor:
    """Which values of a layer's step (flat) are 0 without any sum: of single samples (a row each), those of inputs that
    are 0. bool, like the step."""
    if step.ndim == 1:
        return torch.zeros_like(step, dtype=torch.bool)
    by_input = step.view(len(step), -1, layer.w_columns)
    return (by_input == 0).all(2, keepdim=True).expand(by_input.shape).reshape(step.shape)
