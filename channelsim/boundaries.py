"""Values on a rounding boundary: which differences between engine and reference two float32 sums explain.

A threshold, a quantizer, the kink of ReLU and the choice of maxpool turn a difference in the last digit into a
whole step, if a value lies on the boundary. The engine writes down the messages that it sends; a `Follower`
looks at each of the reference's messages before it leaves and holds it against the engine's. Where they differ
although nothing but the last digits of the reference's own value decides between the two, the reference goes on
with the engine's choice and the flip is counted. Everywhere else it goes on with its own value. So a wrong rule
cannot hide: its messages lie far from what a boundary explains, and are reported; and where no boundary is in
the way, the reference's own values reach the weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from channelsim import tolerances
from channelsim.plan import Direction, Kind, Quantizer, Transfer
from channelsim.reference import State
from channelsim.reference.quantizers import levels, quantize
from channelsim.reference.rules import after_update
from channelsim.reference.stages import Encoded, encode_active

SMALLEST = torch.finfo(torch.float32).tiny


@dataclass(frozen=True)
class Reconciled:
    """A frame's messages on one channel, held against the engine's.

    Attributes:
        encoded: the messages as the reference goes on with them.
        flips: which values fell on the other side of a boundary in the engine; bool (B, n).
        unexplained: which values differ for no such reason; bool (B, n).
    """

    encoded: Encoded
    flips: torch.Tensor
    unexplained: torch.Tensor


def reconcile(channel: SimpleNamespace, encoded: Encoded, theirs: torch.Tensor) -> Reconciled:
    """Holds messages against `theirs`, float32 (B, n): what the engine sent.

    Threshold and quantizer are monotone at a given scale. So what the engine sent is explained if it lies
    between what would be sent for the reference's value a window lower and a window higher; away from a
    boundary these two are the same.
    """
    v = encoded.v
    window = tolerances.BOUNDARY_FLOOR + tolerances.BOUNDARY * v.abs().amax(1, keepdim=True)
    theta = channel.threshold if channel.has_threshold else 0.0
    edge = (v.abs() - theta).abs() <= window
    nonzero = quantize(channel.quantizer, channel.bits, v, encoded.scale, encoded.u) != 0
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
    if channel.quantizer != Quantizer.NONE or channel.bit_error > 0:
        follow = explained
    else:
        follow = near & ((theirs == 0) != (revised.sent == 0))
    sent = torch.where(follow, theirs, revised.sent)
    flips = (active != encoded.active) | (explained & ~near)
    return Reconciled(replace(revised, sent=sent), flips, ~explained)


def _explain(
    channel: SimpleNamespace, encoded: Encoded, active: torch.Tensor, theirs: torch.Tensor, window: torch.Tensor
) -> tuple[Encoded, torch.Tensor, torch.Tensor]:
    """The message with these values active, which of them equal `theirs`, and which do but for a boundary; (B, n)."""
    v = encoded.v
    revised = encode_active(channel, v, active, encoded.u)
    near = (revised.sent - theirs).abs() <= window
    lower, upper = (
        quantize(channel.quantizer, channel.bits, value, revised.scale, encoded.u) for value in (v - window, v + window)
    )
    return revised, near, near | (active & (lower - window <= theirs) & (theirs <= upper + window))


def cuts(channel: SimpleNamespace) -> bool:
    """Whether a channel has a boundary on which values may lie: a threshold or a quantizer."""
    return bool(channel.has_threshold or channel.quantizer != Quantizer.NONE)


def is_cut(layer: SimpleNamespace) -> bool:
    """Whether a layer's weights or their updates are quantized."""
    return bool(layer.update_quantizer != Quantizer.NONE or layer.weight_quantizer != Quantizer.NONE)


def flip_rate(quantizer: int, bits: int) -> float:
    """Which share of a quantizer's values may fall on two sides of a boundary."""
    if quantizer == Quantizer.UNIFORM:
        return max(tolerances.FLIPS, tolerances.LEVEL_FLIPS * levels(bits))
    return tolerances.FLIPS


@dataclass
class Follower:
    """A reference's witness that compares messages with what the engine sent.

    Attributes:
        flips: values that fell on the other side of a boundary in the engine, so far.
        values: values that came before a boundary, so far.
        expected: the number of flips among them that is just accepted, chance aside.
        unexplained: one line for each frame and channel with differences that no boundary explains.
    """

    channel_names: tuple[str, ...]
    flips: int = 0
    values: int = 0
    expected: float = 0.0
    unexplained: list[str] = field(default_factory=list)
    theirs: dict[tuple[int, int, int], NDArray[np.float32]] = field(default_factory=dict)
    updates: dict[int, list[tuple[int, torch.Tensor, torch.Tensor]]] = field(default_factory=dict)

    def collect(self, rows: NDArray[Any], payload: NDArray[np.float32]) -> None:
        """Takes the engine's MESSAGE_ROW records with the values behind them."""
        for row in rows:
            key = int(row["channel"]), int(row["frame"]), int(row["sample"])
            self.theirs[key] = payload[row["payload"] : row["payload"] + row["neurons"]]

    def forget(self) -> None:
        """Before the next chunk: its messages and updates are others."""
        self.theirs.clear()
        self.updates.clear()

    def message(self, ref: State, c: int, frame: int, encoded: Encoded, samples: Sequence[int]) -> Encoded:
        keys = [(c, frame, sample) for sample in samples]
        missing = [key for key in keys if key not in self.theirs]
        if missing:
            self.unexplained.append(f"{self.channel_names[c]}: the engine sent no message in frame {frame}")
            return encoded
        channel = ref.channels[c]
        theirs = torch.from_numpy(np.stack([self.theirs[key] for key in keys]))
        result = reconcile(channel, encoded, theirs)
        if cuts(channel):
            self._enter(int(torch.count_nonzero(encoded.v)), result.flips, flip_rate(channel.quantizer, channel.bits))
        if result.unexplained.any() and cuts(channel):
            number = int(result.unexplained.sum())
            self.unexplained.append(f"{self.channel_names[c]}: {number} values in frame {frame}")
        self._follow_kink(ref, c, encoded.v, theirs)
        return self._follow_choice(ref, c, result.encoded, theirs)

    def _follow_kink(self, ref: State, c: int, o: torch.Tensor, theirs: torch.Tensor) -> None:
        """Where S lies on the kink of ReLU, the engine's message shows which f' the engine has."""
        channel = ref.channels[c]
        layer = ref.layers[channel.source]
        shows_zeros = channel.quantizer in (Quantizer.NONE, Quantizer.LOG2, Quantizer.SIGN)
        hidden = channel.direction == Direction.FORWARD and channel.source > 0
        if not hidden or layer.transfer != Transfer.RELU or channel.has_threshold or not shows_zeros:
            return
        if channel.residual:  # a message shows v, and not the activity
            return
        window = tolerances.BOUNDARY_FLOOR + tolerances.BOUNDARY * o.abs().amax(1, keepdim=True)
        flipped = ((theirs != 0) != (o != 0)) & (o <= window)
        o[flipped] = torch.where(theirs != 0, SMALLEST, 0.0)[flipped]  # o is the activity that the layer keeps
        self._enter(o.numel(), flipped, tolerances.FLIPS)

    def _follow_choice(self, ref: State, c: int, encoded: Encoded, theirs: torch.Tensor) -> Encoded:
        """On the way to maxpool the reference goes on with the engine's values wherever its own are as large.

        Of two values that are equal but for their last digits, these decide which one is larger. That is no flip to be
        counted: on the plain parts of an image many windows hold equal values. The reference chooses by itself.
        """
        channel = ref.channels[c]
        if channel.direction != Direction.FORWARD or ref.layers[channel.target].kind != Kind.MAXPOOL:
            return encoded
        window = tolerances.BOUNDARY_FLOOR + tolerances.BOUNDARY * encoded.sent.abs().amax(1, keepdim=True)
        sent = torch.where((encoded.sent - theirs).abs() <= window, theirs, encoded.sent)
        as_sent = channel.quantizer == Quantizer.NONE
        return replace(encoded, sent=sent, v=torch.where(encoded.active, sent, encoded.v) if as_sent else encoded.v)

    def _enter(self, values: int, flips: torch.Tensor, rate: float) -> None:
        self.values += values
        self.expected += values * rate
        self.flips += int(flips.sum())

    def update(self, ref: State, h: int, frame: int, before: torch.Tensor, step: torch.Tensor) -> None:
        if is_cut(ref.layers[h]):
            self.updates.setdefault(h, []).append((frame, before, step))

    def explain_weights(self, ref: State, h: int, engine: torch.Tensor) -> torch.Tensor:
        """Which of layer h's weights differ from the engine's because a quantizer met a boundary; bool, flat.

        Only where the layer has learned once since the last `forget`, as it does between two frames of the
        sequential schedule: after several updates one cannot tell what the weights were between them.
        """
        updates = self.updates.get(h, [])
        nothing = torch.zeros(len(engine), dtype=torch.bool)
        if len(updates) != 1:
            return nothing
        frame, before, step = updates[0]
        own = ref.synapses(h)[0].flatten()
        slack = tolerances.WEIGHTS * max(1.0, float(own.abs().max()))
        floor = tolerances.WEIGHT_FLOOR * max(1.0, float(before.abs().max()))
        window = tolerances.BOUNDARY * float(step.abs().max()) + tolerances.WEIGHT_FLOOR
        lower = after_update(ref, h, frame, before - floor, step - window)
        upper = after_update(ref, h, frame, before + floor, step + window)
        between = (torch.minimum(lower, upper) - slack <= engine) & (engine <= torch.maximum(lower, upper) + slack)
        flipped = between & ((engine - own).abs() > slack)
        layer = ref.layers[h]
        rate = max(
            flip_rate(layer.update_quantizer, layer.update_bits), flip_rate(layer.weight_quantizer, layer.weight_bits)
        )
        self._enter(len(engine), flipped, rate)
        return flipped
