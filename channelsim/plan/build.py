"""Scenario -> Plan: flat float32 buffers with offsets, and record arrays. What the engine and the reference read.

A plan is made in one order: layers and edges, the wires of sparse C and so the sizes of all C, the tables, the draws.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from channelsim import elementary
from channelsim.parts import Part
from channelsim.plan.channels import channel_table, link_table, place_counts, settings_of
from channelsim.plan.draws import InitialWeights
from channelsim.plan.edges import Edge, backpropagation_edges, channel_names, edges_of
from channelsim.plan.feedback import Place, draw_feedback, draw_wires, places_of, wire_tables
from channelsim.plan.given import Arrays, written
from channelsim.plan.layout import Direction, Kind, RateDecay
from channelsim.plan.own import OwnStage, own_stages
from channelsim.plan.own_losses import own_loss
from channelsim.plan.own_rule import OwnRule, own_rule
from channelsim.plan.own_transfers import own_transfers_of
from channelsim.plan.shapes import layer_table
from channelsim.scenario import Channel, Scenario


@dataclass(frozen=True)
class Change:
    """From the entry of frame `frame` on, these tables hold."""

    frame: int
    channels: NDArray[Any]
    links: NDArray[Any]


@dataclass(frozen=True, repr=False)
class Plan:
    """A network with its channels as tables and buffers (see `layout` for the records).

    Layer h's weights are `weights[w_offset : w_offset + w_size]` in the layout (fan-in, units), so that an incoming
    event touches one contiguous row. Channel c's wiring is `feedback[c_offset : c_offset + c_size]`: (source units,
    target units) where it is dense; for sparse wiring the wires of sending neuron j are the entries
    `c_start[start_offset + j] .. c_start[start_offset + j + 1]`, counted from `c_offset`, and `c_index` names their
    targets. Where a channel has a rank r, that is Q (r, target units), and P (source units, r) lies at its p_offset.
    """

    layers: NDArray[Any]
    channels: NDArray[Any]
    links: NDArray[Any]
    layer_names: tuple[str, ...]
    link_names: tuple[str, ...]
    initial: InitialWeights
    biases: NDArray[np.float32]
    feedback: NDArray[np.float32]
    c_start: NDArray[np.int32]
    c_index: NDArray[np.int32]
    changes: tuple[Change, ...]
    shape: tuple[int, ...]
    classes: int  # 0: targets are real vectors
    train_size: int
    batch: int
    epochs: int
    learning_rate: float  # of layers without their own; LAYER and CHANNEL have those at which W and C learn
    learning_rate_decay: float
    decay_form: RateDecay
    momentum: float
    weight_decay: float
    feedback_decay: float  # weight decay of an adaptive C
    derivative: bool
    shuffle: bool
    flip: bool  # training images are mirrored at random
    shift: int  # and moved by up to so many pixels
    seed: int
    pipelined: bool
    interval: int
    poisson: bool
    stash: int  # frames in a layer's stash; 0: every frame in flight
    on_miss_current: bool  # an error that has missed its frame is applied to the newest activity, not dropped
    max_in_flight: int
    energy_bit: float  # J
    energy_mac: float
    energy_read: float
    energy_write: float
    given_weights: NDArray[np.float32] | None = None  # in place of drawn ones
    own_stages: tuple[OwnStage, ...] = ()  # by channel and place
    own_transfers: tuple[Part | None, ...] = ()  # f of layers 0..L, where it is the user's
    own_rule: OwnRule | None = None
    own_loss: Part | None = None  # the user's, in place of the top layer's

    @property
    def weights(self) -> NDArray[np.float32]:
        """W before the first frame, drawn each time: as a rule it is the largest buffer, so that no plan holds it."""
        return self.initial.draw(self.layers) if self.given_weights is None else self.given_weights

    @property
    def synapses(self) -> int:
        """How many values all W have together."""
        return int(self.layers["w_size"].sum())

    def with_weights(self, weights: NDArray[np.float32]) -> Plan:
        """The same with this W before the first frame."""
        return replace(self, given_weights=weights)

    @cached_property
    def channel_names(self) -> tuple[str, ...]:
        """The names of all channels: see `channelsim.scenario.names_of`."""
        return channel_names(self.channels)

    @property
    def log_keep(self) -> float:
        """ln (1 - d), d being the learning rates' decay."""
        return float(elementary.log(1.0 - self.learning_rate_decay))

    def rate_left(self, frame: int) -> float:
        """What is left of the learning rates in a frame."""
        if self.decay_form == RateDecay.LINEAR:
            return max(0.0, 1.0 - self.learning_rate_decay * frame)
        if self.decay_form == RateDecay.INVERSE:
            return 1.0 / (1.0 + self.learning_rate_decay * frame)
        return float(elementary.exp(frame * self.log_keep))

    @property
    def top(self) -> int:
        """L, the index of the output layer."""
        return len(self.layers) - 1

    @property
    def frames_per_epoch(self) -> int:
        return math.ceil(self.train_size / self.batch)

    @property
    def frames(self) -> int:
        """Frames of the whole run."""
        return self.frames_per_epoch * self.epochs

    def own_step(self, h: int) -> bool:
        """Whether layer h learns by a step of W of the user's own."""
        rule = self.own_rule
        return rule is not None and (rule.top if h == self.top else rule.step_w)

    @property
    def maps(self) -> bool:
        """Whether a layer is of a kind that works on maps."""
        return bool((self.layers["kind"] > Kind.DENSE).any())

    @property
    def trains(self) -> NDArray[np.bool_]:
        """Per layer: whether it has synapses that learn in this plan."""
        has_errors = np.zeros(len(self.layers), bool)
        has_errors[self.channels["target"][self.channels["direction"] == Direction.LEARNING]] = True
        has_errors[self.top] = True
        return has_errors & (self.layers["w_size"] > 0) & (self.layers["learning_rate"] > 0)

    def __repr__(self) -> str:
        units = "-".join(str(n) for n in self.layers["n"])
        sizes = f"{self.synapses:,} synapses, {self.feedback.size:,} wires"
        return f"Plan({units}, {len(self.channels)} channels, {sizes})"


@dataclass(frozen=True)
class Tables:
    """The structure of a plan before anything is drawn: `channels` without the places of C."""

    layers: NDArray[Any]
    edges: tuple[Edge, ...]
    channels: NDArray[Any]
    links: NDArray[Any]


def tables(scenario: Scenario, shape: tuple[int, ...], outputs: int, real: bool = False) -> Tables:
    """The structure of a scenario's network, for arguments as of `build`.

    Raises InputError when model and data do not fit, or where a rule of the user's own fails.
    """
    layers = layer_table(scenario, shape, outputs, real)
    edges = edges_of(scenario, layers)
    settings = settings_of(scenario, edges)
    links, _, link_of = link_table(scenario.links, edges, settings)
    channels = channel_table(edges, layers, settings, link_of, [Place()] * len(edges), scenario.learning.feedback)
    own_rule(scenario)  # tried out, so that `check` tells its mistakes
    return Tables(layers, edges, channels, links)


def build(
    scenario: Scenario,
    shape: tuple[int, ...],
    outputs: int,
    train_size: int,
    real: bool = False,
    given: Arrays | None = None,
) -> Plan:
    """The plan of a scenario for data of this input shape and number of training samples.

    `outputs` is the number of classes or, if the targets are `real`, of values that each has. `given`: what
    `channelsim.given.load` read of the files of weights that the scenario names, if it names any.

    Raises InputError when model and data do not fit. What a machine cannot hold is refused by `channelsim.memory`.
    """
    if given is None and (scenario.model.weights.file or scenario.learning.feedback.file):
        raise ValueError("the scenario names files of weights, which channelsim.given.load reads")
    arrays = {**(given or {}), **written(scenario)}
    layers = layer_table(scenario, shape, outputs, real)
    edges = edges_of(scenario, layers)
    training, schedule, learning = scenario.training, scenario.schedule, scenario.learning
    batch = training.frame_size(train_size)
    wires = draw_wires(edges, layers, learning.feedback, scenario.seed)
    drawn = scenario.model.weights
    initial = InitialWeights(drawn.distribution, drawn.scale, scenario.seed, _by_layer(arrays, "W"))
    places = places_of(edges, layers, wires)
    feedback, places = draw_feedback(edges, layers, places, wires, learning.feedback, initial, arrays)
    settings = settings_of(scenario, edges)
    links, link_names, link_of = link_table(scenario.links, edges, settings)
    channels = channel_table(edges, layers, settings, link_of, places, learning.feedback)
    changes = _changes(scenario, edges, layers, places, math.ceil(train_size / batch))
    place_counts([channels, *(change.channels for change in changes)])
    c_start, c_index = wire_tables(places, wires)
    pipelined = schedule.mode == "pipelined"
    energy = scenario.energy
    return Plan(
        layers=layers,
        channels=channels,
        links=links,
        layer_names=tuple(str(h) for h in range(1, len(layers))),
        link_names=link_names,
        initial=initial,
        biases=_biases(layers, _by_layer(arrays, "b")),
        feedback=feedback,
        c_start=c_start,
        c_index=c_index,
        changes=changes,
        shape=tuple(shape),
        classes=0 if real else outputs,
        train_size=train_size,
        batch=min(batch, max(train_size, 2)),  # a frame has no more samples than an epoch; 1 is a code path
        epochs=training.epochs,
        learning_rate=training.rate(0),
        learning_rate_decay=training.learning_rate_decay.per_update,
        decay_form=RateDecay[training.learning_rate_decay.form.upper()],
        momentum=training.momentum,
        weight_decay=training.weight_decay,
        feedback_decay=training.weight_decay if learning.weight_decay is None else learning.weight_decay,
        derivative=learning.has_derivative,
        shuffle=training.shuffle,
        flip=scenario.data.flip,
        shift=scenario.data.shift,
        seed=scenario.seed,
        pipelined=pipelined,
        interval=(schedule.interval or 0) if pipelined else 0,
        poisson=pipelined and schedule.arrivals == "poisson",
        stash=schedule.stash or 0,
        on_miss_current=schedule.on_miss == "current",
        max_in_flight=schedule.max_in_flight,
        energy_bit=energy.bit,
        energy_mac=energy.mac,
        energy_read=energy.synapse_read,
        energy_write=energy.synapse_write,
        own_stages=own_stages([edge.name for edge in edges], channels, links, settings),
        own_transfers=own_transfers_of(scenario.model),
        own_rule=own_rule(scenario),
        own_loss=own_loss(scenario),
    )


def _by_layer(arrays: Arrays, what: str) -> dict[int, NDArray[np.float32]]:
    """The arrays of one kind, by the number of their layer."""
    return {int(name[2:]): array for name, array in arrays.items() if name.startswith(f"{what}_")}


def _biases(layers: NDArray[Any], given: Mapping[int, NDArray[np.float32]]) -> NDArray[np.float32]:
    """b of all layers, flat: 0 where it is not given."""
    biases = np.zeros(int(layers["b_size"].sum()), np.float32)
    for h, b in given.items():
        biases[layers[h]["b_offset"] : layers[h]["b_offset"] + layers[h]["b_size"]] = b
    return biases


def _changes(
    scenario: Scenario, edges: tuple[Edge, ...], layers: NDArray[Any], places: tuple[Place, ...], frames_per_epoch: int
) -> tuple[Change, ...]:
    """The tables as each `[[schedule.change]]` leaves them; later entries build upon earlier ones."""
    timetable = scenario.changes(frames_per_epoch)
    changes = []
    for i, (frame, _) in enumerate(timetable):
        settings = settings_of(scenario, edges, [change for _, change in timetable[: i + 1]])
        links, _, link_of = link_table(scenario.links, edges, settings)
        table = channel_table(edges, layers, settings, link_of, places, scenario.learning.feedback)
        changes.append(Change(frame, table, links))
    return tuple(changes)


def ideal_backpropagation(plan: Plan) -> Plan:
    """The same network and data with `bp` over ideal channels, one frame after another: the true gradient."""
    edges = backpropagation_edges(plan.layers)
    settings = [Channel()] * len(edges)
    links, link_names, link_of = link_table({}, edges, settings)
    return replace(
        plan,
        channels=channel_table(edges, plan.layers, settings, link_of, [Place()] * len(edges)),
        links=links,
        link_names=link_names,
        changes=(),
        pipelined=False,
        interval=0,
        poisson=False,
        stash=0,
        derivative=True,
        feedback=np.zeros(0, np.float32),
        c_start=np.zeros(0, np.int32),
        c_index=np.zeros(0, np.int32),
        own_stages=(),
        own_rule=None,
    )
