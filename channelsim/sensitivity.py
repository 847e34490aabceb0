"""What float32 rounding does to messages and updates in this network: references whose numbers are rounded otherwise.

How far two correct float32 programs lie apart depends on the problem: a sum that cancels, a saturated unit or an input
of 1000 turns one wrong digit into many. `Sensitivity` measures that. A few references take the engine's steps, from
its weights and with its messages, but each of their numbers (weights, wires, activities, messages, targets) is moved
at random by up to one rounding. Where their results differ, so may those of two correct programs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, fields, replace
from types import SimpleNamespace

import numpy as np
import torch
from numpy.typing import NDArray

from channelsim import reference, tolerances
from channelsim.data import Dataset
from channelsim.plan import Direction, Plan, Quantizer, Scale, Transfer
from channelsim.reference import State
from channelsim.reference.stages import Encoded

Key = tuple[int, int, int]
"""Channel, frame and sample of a message."""

SMALLEST = torch.finfo(torch.float32).tiny


@dataclass
class Moved(State):
    """A reference whose numbers are each moved by half a rounding to a whole one.

    Attributes:
        draws: decide by how much and where to.
        side: 1 or -1. Two references with equal draws and other sides move each number to both of its sides, so that no
            number is the same in both by chance.
    """

    draws: torch.Generator = field(default_factory=torch.Generator)
    side: int = 1

    def targets(self, frame: int) -> torch.Tensor:
        return self.move(super().targets(frame))

    def set_wires(self, c: int, values: torch.Tensor) -> None:
        super().set_wires(c, self.move(values))

    def move(self, values: torch.Tensor) -> torch.Tensor:
        """The values, each changed by up to `tolerances.ROUNDING` of itself."""
        draws = torch.rand(values.shape, generator=self.draws) - 0.5
        return values * (1 + self.side * tolerances.ROUNDING * (draws + 0.5 * draws.sign()))


@dataclass
class Recorder:
    """The witness of a moved reference: it writes down messages and steps, and what is sent is what the engine sent.

    Attributes:
        sent: what the engine sent, float32 (n,) a message.
        messages: the values that this reference would have sent, before threshold and quantizer, float32 (n,).
        steps: the steps of each layer's W since the last `forget`, flat, before they pass a quantizer.
    """

    sent: Mapping[Key, NDArray[np.float32]]
    messages: dict[Key, torch.Tensor] = field(default_factory=dict)
    steps: dict[int, list[torch.Tensor]] = field(default_factory=dict)

    def message(self, ref: State, c: int, frame: int, encoded: Encoded, samples: Sequence[int]) -> Encoded:
        assert isinstance(ref, Moved)
        keys = [(c, frame, sample) for sample in samples]
        self.messages.update(zip(keys, encoded.v.clone(), strict=True))
        if any(key not in self.sent for key in keys):
            return encoded
        channel = ref.channels[c]
        theirs = torch.from_numpy(np.stack([self.sent[key] for key in keys]))
        if channel.direction == Direction.FORWARD and samples[0] == 0:
            move_activity(ref, channel, frame, theirs)
        active = theirs != 0
        if channel.quantizer in (Quantizer.UNIFORM, Quantizer.TERNARY):  # an active value may be sent as 0
            active |= torch.where(on_threshold(channel, encoded.v), torch.tensor(ref.side > 0), encoded.active)
        # A bit error hits the word of the value as it is sent: next to a power of 2 a moved one has another exponent.
        sent = theirs if channel.bit_error > 0 else ref.move(theirs)
        return replace(encoded, active=active, sent=sent, scale=scale_of_sent(channel, encoded.scale, theirs))

    def update(self, ref: State, h: int, frame: int, before: torch.Tensor, step: torch.Tensor) -> None:
        self.steps.setdefault(h, []).append(step.clone())

    def forget(self) -> None:
        """Before the next frame."""
        self.messages.clear()
        self.steps.clear()


def move_activity(ref: Moved, channel: SimpleNamespace, frame: int, theirs: torch.Tensor) -> None:
    """Moves the activity that the sending layer keeps for f', and puts it on the engine's side of ReLU's kink."""
    if channel.source == 0 or frame not in ref.memory[channel.source]:
        return
    _, _, o, known = ref.memory[channel.source][frame]
    if kink_shows(ref, channel):
        o[theirs == 0] = 0.0
        o[(theirs != 0) & (o <= 0)] = SMALLEST
    o.copy_(ref.move(o))
    if known is not o:
        known.copy_(ref.move(known))


def scale_of_sent(channel: SimpleNamespace, scale: torch.Tensor, sent: torch.Tensor) -> torch.Tensor:
    """The scale (B, 1) of messages that were sent: what "max" or "rms" scales has a value on the highest level, a.

    Where rounding changes a message as a whole, by another scale than the sender's its code words would be others.
    """
    if channel.quantizer == Quantizer.NONE or channel.scale_kind == Scale.FIXED:
        return scale
    highest = sent.abs().amax(1, keepdim=True)
    return torch.where(highest > 0, highest, scale)


def on_threshold(channel: SimpleNamespace, v: torch.Tensor) -> torch.Tensor:
    """Which values are active in some correct programs and not in others; without a threshold, next to 0 but not 0.

    rms counts the active values. What it is the scale of may not show them: noise beside a fixed scale, for example.
    """
    theta = channel.threshold if channel.has_threshold else 0.0
    window = tolerances.BOUNDARY * v.abs().amax(1, keepdim=True)
    return ((v.abs() - theta).abs() <= window) & (v != 0)


def kink_shows(ref: State, channel: SimpleNamespace) -> bool:
    """Whether a message shows which units of a hidden ReLU layer are active."""
    shows_zeros = channel.quantizer in (Quantizer.NONE, Quantizer.LOG2, Quantizer.SIGN)
    hidden = channel.direction == Direction.FORWARD and channel.source > 0
    rectified = ref.layers[channel.source].transfer == Transfer.RELU
    return bool(hidden and rectified and shows_zeros and not channel.has_threshold and not channel.residual)


def apart(values: Sequence[torch.Tensor], across: int | None = None) -> torch.Tensor:
    """What rounding may change in a result of which these are the moved references' values; like one of them.

    The range of the values, times `tolerances.ROUNDINGS`. A few values may be close by chance; so no element has less
    than the median, of its row if there are rows, and with `across` all along that axis have the largest of them.
    """
    stacked = torch.stack(list(values))
    found = (stacked.amax(0) - stacked.amin(0)).nan_to_num(nan=torch.inf, posinf=torch.inf)
    if across is not None:
        found = found.amax(across, keepdim=True).expand(found.shape)
    if found.numel():
        found = torch.maximum(found, found.median())
    return found * tolerances.ROUNDINGS


class Sensitivity:
    """Moved references beside a comparison.

    Arguments:
        plan: what the reference runs.
        dataset: with this data.
        sent: what the engine sends in the frames to come; `advance` reads it.
    """

    def __init__(self, plan: Plan, dataset: Dataset, sent: Mapping[Key, NDArray[np.float32]]) -> None:
        self.references = [moved(reference.start(plan, dataset), number) for number in range(tolerances.MOVED)]
        self.recorders = [Recorder(sent) for _ in self.references]
        for ref, recorder in zip(self.references, self.recorders, strict=True):
            ref.witness = recorder
            for values in (ref.weights, ref.biases, ref.feedback):
                values.copy_(ref.move(values))

    def load(self, arrays: Mapping[str, NDArray[np.float32]], wires: Sequence[slice]) -> None:
        """Weights, biases, residuals and these parts of C as the engine has them, each moved."""
        for ref in self.references:
            for name in ("weights", "biases", "residuals"):
                getattr(ref, name).copy_(ref.move(torch.tensor(arrays[name])))
            for part in wires:
                ref.feedback[part] = ref.move(torch.tensor(arrays["feedback"][part]))

    def advance(self, until_frame: int) -> None:
        """All that happens before frame `until_frame` enters."""
        for ref, recorder in zip(self.references, self.recorders, strict=True):
            recorder.forget()
            with suppress(IndexError):  # the log2 quantizer has no level for NaN
                reference.advance(ref, until_frame)

    def of_messages(self, keys: Sequence[Key]) -> torch.Tensor | float:
        """What rounding may change in these messages before threshold and quantizer, float32 (B, n)."""
        recorded = [recorder.messages for recorder in self.recorders]
        if any(key not in messages for messages in recorded for key in keys):
            return 0.0
        return torch.stack([apart([messages[key] for messages in recorded]) for key in keys])

    def of_step(self, h: int) -> torch.Tensor | float:
        """The same for the one step of layer h's W in this frame, flat."""
        steps = [recorder.steps.get(h, []) for recorder in self.recorders]
        return apart([step for (step,) in steps]) if all(len(found) == 1 for found in steps) else 0.0

    def of_weights(self, h: int, quantized: bool) -> torch.Tensor:
        """The same for layer h's W after this frame, in its shape: all weights of a unit share its learning signal."""
        return apart([ref.synapses(h)[0] for ref in self.references], None if quantized else 0)

    def of_biases(self, h: int) -> torch.Tensor:
        """The same for layer h's b."""
        return apart([ref.synapses(h)[1] for ref in self.references])

    def of_wires(self, c: int) -> torch.Tensor:
        """The same for channel c's C, flat."""
        return apart([ref.wires(c) for ref in self.references])


def moved(state: State, number: int) -> Moved:
    """Number 0 and 1, 2 and 3 and so on have draws of their own, and move numbers to other sides."""
    draws = torch.Generator().manual_seed(number // 2)
    state_fields = {part.name: getattr(state, part.name) for part in fields(state)}
    return Moved(**state_fields, draws=draws, side=1 - 2 * (number % 2))
