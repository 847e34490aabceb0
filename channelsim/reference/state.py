"""Everything that changes while the reference runs, and the plan that it runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from channelsim import hashing
from channelsim.data import Dataset
from channelsim.hashing import Stream
from channelsim.plan import COUNTER, Direction, Plan
from channelsim.reference.clock import Link
from channelsim.reference.layers import kind_of
from channelsim.reference.own import Own
from channelsim.reference.stages import Encoded


class Witness(Protocol):
    """An observer of messages and updates: `channelsim.verify` has one where float32 sums may fall on two sides of a
    boundary."""

    def message(self, ref: State, c: int, frame: int, encoded: Encoded, samples: Sequence[int]) -> Encoded:
        """Sees these samples' messages on channel c before they leave; returns them, perhaps put right."""

    def update(self, ref: State, h: int, frame: int, before: torch.Tensor, step: torch.Tensor) -> None:
        """Sees layer h's W (flat) before an update and the step that its update quantizer is given (flat; or one for
        each sample, a row each)."""


class Arrived(NamedTuple):
    """A frame's messages of one learning channel at the layer that receives them.

    Attributes:
        m: as delivered, (B, n).
        unit: what they are multiples of, (B, 1); 0: of nothing.
        error: what W made of them where they left, (B, n_target); None: they have yet to pass C.
    """

    m: torch.Tensor
    unit: torch.Tensor
    error: torch.Tensor | None


Remembered = tuple[torch.Tensor, torch.Tensor, torch.Tensor]
"""What a layer keeps of a frame: x, O, and what its f' is worked out from, which is O or S."""


@dataclass
class State:
    """A running reference. The flat tensors have the plan's layout, and stay the same objects throughout.

    Attributes:
        weights, biases, feedback: W, b and C of all layers and channels, float32, flat.
        feedback_units: per channel, what all values of C are whole multiples of; 0: of nothing.
        velocity, bias_velocity, feedback_velocity: the momentum's V of W, b and C, float32, flat.
        residuals: what the senders keep back, float32, flat: channel c's are `residual(c)`.
        own_state: the states of the user's own stages, float64, flat.
        now: simulated time in ps (0 throughout where the clock is off).
        frame: the next frame to enter.
        clock: whether messages are timed and counted.
        counters: COUNTER records, one a channel; only with the clock, and only what concerns messages.
        computed: per layer, how many frames it has computed.
        arrived: (layer, frame) -> the learning messages that have come, by channel, until the last one has.
        layers: LAYER records, and `own`: the transfer function of the user's own, or None.
        memory: per layer, frame -> which of its computations that was and what it keeps, until the frame's error comes.
        current: per layer, what it keeps of the frame computed last.
        ages: per layer, how many updates were how many frames old.
    """

    plan: Plan
    images: torch.Tensor
    wanted: torch.Tensor
    layers: list[SimpleNamespace]
    channels: list[SimpleNamespace]
    links: list[Link]
    weights: torch.Tensor
    biases: torch.Tensor
    feedback: torch.Tensor
    feedback_units: list[float]
    velocity: torch.Tensor
    bias_velocity: torch.Tensor
    feedback_velocity: torch.Tensor
    residuals: torch.Tensor
    own_state: NDArray[np.float64]
    clock: bool
    counters: NDArray[Any]
    computed: list[int]
    ages: list[Counter[int]]
    memory: list[dict[int, tuple[int, torch.Tensor, torch.Tensor, torch.Tensor]]]
    current: list[Remembered]
    layer_free: list[int]
    witness: Witness | None = None
    now: int = 0
    frame: int = 0
    heap: list[tuple[int, int, int, Callable[..., None], tuple[Any, ...]]] = field(default_factory=list)
    pushed: int = 0
    arrived: dict[tuple[int, int], dict[int, Arrived]] = field(default_factory=dict)
    order: tuple[int, torch.Tensor] = (-1, torch.empty(0))

    def synapses(self, h: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Layer h's W, in the shape of its kind, and b: views. b is empty where the layer has no biases."""
        layer = self.layers[h]
        return (
            self.weights[layer.w_offset :][: layer.w_size].view(kind_of(layer).shape(layer)),
            self.biases[layer.b_offset :][: layer.b_size],
        )

    def velocities(self, h: int) -> tuple[torch.Tensor, torch.Tensor]:
        """The momentum's V of layer h's W and b: views, flat."""
        layer = self.layers[h]
        return (
            self.velocity[layer.w_offset :][: layer.w_size],
            self.bias_velocity[layer.b_offset :][: layer.b_size],
        )

    def wires(self, c: int) -> torch.Tensor:
        """The values of channel c's C: a flat view."""
        channel = self.channels[c]
        return self.feedback[channel.c_offset :][: channel.c_size]

    def set_wires(self, c: int, values: torch.Tensor) -> None:
        """Puts new values in the place of channel c's C."""
        self.wires(c).copy_(values)

    def projection(self, c: int) -> torch.Tensor:
        """P of channel c's low-rank C, (units of the source, rank): a view."""
        channel = self.channels[c]
        n = self.layers[channel.source].n
        return self.feedback[channel.p_offset :][: n * channel.rank].view(n, channel.rank)

    def residual(self, c: int) -> torch.Tensor:
        """What the sender of channel c has kept back, (n,): a view."""
        channel = self.channels[c]
        return self.residuals[channel.residual_offset :][: channel.n]

    def own(self, c: int, kept: bool = True) -> Own | None:
        """The user's own stages on channel c, with their state if that is `kept`; None where there are none."""
        stages = tuple(own for own in self.plan.own_stages if own.channel == c)
        return Own(stages, self.own_state if kept else None) if stages else None

    def learning_channels(self, source: int) -> list[int]:
        """The learning channels that leave layer `source`."""
        return [
            c
            for c, channel in enumerate(self.channels)
            if channel.direction == Direction.LEARNING and channel.source == source
        ]

    def arriving_channels(self, target: int) -> list[int]:
        """The learning channels that lead to layer `target`."""
        return [
            c
            for c, channel in enumerate(self.channels)
            if channel.direction == Direction.LEARNING and channel.target == target
        ]

    def learning_rate(self, frame: int, rate: float) -> float:
        return float(np.float32(rate * self.plan.rate_left(frame)))

    def samples(self, frame: int) -> torch.Tensor:
        """Indices into the training set of the samples of a frame, in their order."""
        plan = self.plan
        epoch, position = divmod(frame, plan.frames_per_epoch)
        if self.order[0] != epoch:
            self.order = epoch, torch.from_numpy(epoch_order(plan, epoch))
        return self.order[1][position * plan.batch : (position + 1) * plan.batch]

    def targets(self, frame: int) -> torch.Tensor:
        """T of a frame, (B, n_L)."""
        return self.wanted[self.samples(frame)]


def epoch_order(plan: Plan, epoch: int) -> NDArray[np.int64]:
    """The order in which an epoch shows the training samples."""
    if not plan.shuffle:
        return np.arange(plan.train_size)
    return hashing.permutation(hashing.key(plan.seed, Stream.ORDER.of(), epoch), plan.train_size)


def targets_of(y: NDArray[Any], outputs: int) -> torch.Tensor:
    """T, (N, outputs) in float32, of real targets (N, outputs) or of class numbers (N,), which are the one-hot case."""
    if y.ndim == 2:
        return torch.from_numpy(np.ascontiguousarray(y, np.float32))
    return torch.nn.functional.one_hot(torch.from_numpy(np.asarray(y, np.int64)), outputs).float()


def records(table: NDArray[Any]) -> list[SimpleNamespace]:
    """The rows of a record array, their fields as plain Python numbers."""
    names = table.dtype.names or ()
    return [SimpleNamespace(**dict(zip(names, row.item(), strict=True))) for row in table]


def layers_of(plan: Plan) -> list[SimpleNamespace]:
    """The layers, each with its transfer function of the user's own, if it has one."""
    layers = records(plan.layers)
    for h, layer in enumerate(layers):
        layer.own = plan.own_transfers[h] if plan.own_transfers else None
    return layers


def links_of(table: NDArray[Any]) -> list[Link]:
    return [Link(row.ps_numerator, row.ps_denominator, row.queue, bool(row.broadcast)) for row in records(table)]


def clock_matters(plan: Plan) -> bool:
    """Whether time can reach the weights: errors that meet later weights, or messages lost to the clock."""
    channels = [plan.channels, *(change.channels for change in plan.changes)]
    links = [plan.links, *(change.links for change in plan.changes)]
    return (
        plan.pipelined
        or any((table["deadline"] >= 0).any() for table in channels)
        or any((table["queue"] >= 0).any() for table in links)
    )


def start(plan: Plan, dataset: Dataset, clock: bool | None = None) -> State:
    """The reference before the first frame of a plan.

    Arguments:
        plan: what to run.
        dataset: its training set is learned; float32 images (train_size, n_0) or more, and class numbers or real
            targets.
        clock: whether to time and count messages. None: only where that can influence the weights.
    """
    n = plan.layers["n"]
    return State(
        plan=plan,
        images=torch.from_numpy(np.ascontiguousarray(dataset.train_x).reshape(len(dataset.train_x), -1)),
        wanted=targets_of(dataset.train_y, int(n[-1])),
        layers=layers_of(plan),
        channels=records(plan.channels),
        links=links_of(plan.links),
        weights=torch.tensor(plan.weights),
        biases=torch.tensor(plan.biases),
        feedback=torch.tensor(plan.feedback),
        feedback_units=plan.channels["c_unit"].tolist(),
        velocity=torch.zeros(len(plan.weights)),
        bias_velocity=torch.zeros(len(plan.biases)),
        feedback_velocity=torch.zeros(len(plan.feedback)),
        residuals=torch.zeros(int(plan.channels["n"].sum())),
        own_state=np.zeros(sum(own.state_size for own in plan.own_stages)),
        clock=clock_matters(plan) if clock is None else clock,
        counters=np.zeros(len(plan.channels), COUNTER),
        computed=[0 for _ in n],
        ages=[Counter() for _ in n],
        memory=[{} for _ in n],
        current=[(torch.empty(0),) * 3 for _ in n],
        layer_free=[0 for _ in n],
    )
