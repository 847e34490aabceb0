"""The memory of a run, `Memory`: allocated, and made larger when more frames are in flight."""

from __future__ import annotations

from typing import Any

import numpy as np

from channelsim.arithmetic import CONTEXTS
from channelsim.engine.channel import own_stages
from channelsim.engine.config import AGE_BINS, FIRST_SLOTS, MESSAGE_BYTES, STEPS
from channelsim.engine.kernels import counter_hash
from channelsim.engine.layers.own_steps import NUMBERS
from channelsim.engine.setup.demands import several_channels, tables
from channelsim.engine.sizes import evaluated_at_once, list_room, map_parts, partial_room, parts
from channelsim.engine.tables import strides
from channelsim.engine.tables.handles import records
from channelsim.engine.tables.layouts import CLOCK, EVENT, LAYER_STATE, LINK_STATE, MESSAGE, SLOT, WATCH, Memory, Net
from channelsim.plan import (
    COUNTER,
    MESSAGE_ROW,
    SMALLEST_UNIT,
    VALUE_ROW,
    Direction,
    Kind,
    Plan,
    Quantizer,
    Transfer,
    Wiring,
    units_counted,
)
from channelsim.rules import FROM_WEIGHTS

# Of `Memory`, what has a row for each slot.
BY_SLOT = ("slots", "sample", "outputs", "sums", "inputs", "computed", "input_events", "list_start", "input_form",
           "list_index", "list_value", "messages", "message_events", "arrived", "message_units")  # fmt: skip
SYNAPSES = ("weights", "weight_units", "biases", "feedback", "feedback_units", "feedback_frames")
# What is written anew before it is read in the next chunk, and what has been collected.
SCRATCH = ("units", "signal", "output_events", "signal_events", "learns", "signal_sums", "learning_signal",
           "learning_inputs", "whole_step", "partial_step", "targets", "reduced", "unprojected", "halfway",
           "error_sums", "transposed", "partial_sums", "term_lists", "touched", "row_index", "row_value", "message",
           "message_index", "message_value", "message_alive", "message_hits", "message_sent", "keys", "word",
           "contexts", "patches", "map_events", "map_macs", "map_sums", "turned_signal", "signed", "compared",
           "own_value", "own_slopes", "own_values", "own_normals", "own_room", "step_numbers", "captured",
           "message_rows", "payload", "watch", "value_rows", "watched")  # fmt: skip


def allocate(plan: Plan, net: Net, shared: Memory | None = None) -> Memory:
    """A run's memory as it is before the first frame, with room for FIRST_SLOTS in flight; W, b and C may be shared."""
    slots, config = FIRST_SLOTS, net.config[0]
    batch, layers, channels = plan.batch, plan.layers, plan.channels
    most = max(batch, evaluated_at_once(layers))
    convolutions = layers[layers["kind"] == Kind.CONV2D]
    units, inputs = int(layers["n"][1:].sum()), int(layers["fan_in"].sum())
    widest, widest_learner = int(layers["n"].max()), int(layers["n"][1:].max())
    message = int(
        sum(max(int(c["n"]), int(layers[c["target"]]["n"])) for c in channels if c["direction"] == Direction.LEARNING)
    )
    per_link = np.bincount(channels["link"], minlength=len(plan.links)).max()
    ring = slots * batch * (int(per_link) + 1) + batch * len(channels)
    heap = slots * 2 * len(channels) + 4
    momentum = plan.momentum > 0.0
    whole = momentum or plan.weight_decay > 0.0 or bool((layers["update_quantizer"] != Quantizer.NONE).any())
    by_synapse = layers[channels["target"][channels["wiring"] == Wiring.SYNAPSES]]
    whole |= len(by_synapse) > 0 or plan.own_rule is not None
    own_wires = plan.own_rule is not None and plan.own_rule.step_c
    single = np.concatenate([convolutions[convolutions["update_per_sample"] != 0], by_synapse])
    ideal_inputs = bool(net.ideal[: plan.top].all())
    first_held = batch > 1 or layers[1]["kind"] != Kind.DENSE or bool(config["augmented"])
    rows = _row_capacity(plan, widest) if config["record_stop"] else 0
    watched = _value_capacity(config) if config["watching"] else 0
    projected = bool((np.isin(channels["wiring"], FROM_WEIGHTS) | (channels["at_receiver"] != 0)).any())
    maps_units = int(convolutions["n"].max(initial=0))
    counted = max(int((table["count_offset"] + units_counted(table["levels"])).max()) for table, _ in tables(plan))
    zeros = np.zeros
    memory = Memory(
        clock=records(zeros(1, CLOCK)),
        heap=records(zeros(heap, EVENT)),
        slots=records(zeros(slots, SLOT)),
        layer_states=records(zeros(len(layers), LAYER_STATE)),
        link_states=records(zeros(len(plan.links), LINK_STATE)),
        ring=zeros((len(plan.links), ring), np.int64),
        broadcast_start=zeros((len(plan.links), batch), np.int64),
        broadcast_finish=zeros((len(plan.links), batch), np.int64),
        broadcast_bits=zeros((len(plan.links), batch), np.int64),
        counters=records(zeros(len(channels), COUNTER)),
        unit_counts=zeros(counted, np.int64),
        ages=zeros((len(layers), AGE_BINS if plan.pipelined else 1), np.int64),
        misses=zeros(len(layers), np.int64),
        weights=shared.weights if shared else strides.spread(net.layers, plan, plan.weights),
        weight_units=shared.weight_units if shared else zeros(len(layers), np.float32),
        biases=shared.biases if shared else plan.biases.copy(),
        feedback=shared.feedback if shared else plan.feedback.copy(),
        feedback_units=shared.feedback_units if shared else channels["c_unit"].copy(),
        feedback_frames=shared.feedback_frames if shared else zeros(len(channels), np.int64),
        weight_velocity=zeros(strides.size(net.layers) if momentum else 0, np.float32),
        bias_velocity=zeros(plan.biases.size if momentum else 0, np.float32),
        feedback_velocity=zeros(plan.feedback.size if momentum else 0, np.float32),
        deferred_input=zeros(inputs if batch == 1 else 0, np.float32),
        deferred_at=zeros(inputs if batch == 1 else 0, np.int32),
        deferred_step=strides.aligned(STEPS * int(net.layers["step_stride"].sum()) if batch == 1 else 0),
        sample=zeros((slots, batch), np.int64),
        outputs=zeros((slots, batch * units), np.float32),
        sums=zeros((slots, batch * int(layers["n"][layers["keeps_sums"] != 0].sum())), np.float32),
        inputs=zeros(
            (slots, batch * (inputs if not ideal_inputs else int(layers[1]["fan_in"]) * first_held)),
            np.float32,
        ),
        computed=zeros((slots, len(layers)), np.int64),
        input_events=zeros((slots, len(layers), batch), np.int64),
        input_form=zeros((slots, len(layers)), np.int64),
        list_start=zeros((slots, len(layers)), np.int64),
        list_index=zeros((slots, net.list_offset[-1]), np.int32),
        list_value=zeros((slots, net.list_offset[-1]), np.float32),
        messages=zeros((slots, batch * message), np.float32),
        message_events=zeros((slots, len(channels), batch), np.int64),
        arrived=zeros((slots, len(layers)), np.int64),
        message_units=zeros((slots, len(channels), batch), np.float32),
        residuals=zeros(int(channels["n"].sum()), np.float32),
        units=zeros(most, np.float32),
        signal=zeros(batch * widest_learner, np.float32),
        output_events=zeros(batch, np.int64),
        signal_events=zeros(batch, np.int64),
        learns=zeros(batch, np.bool_),
        signal_sums=zeros(parts(batch) * widest_learner, np.float32),
        learning_signal=zeros(batch * widest_learner, np.float32),
        learning_inputs=zeros(batch * widest if batch > 1 else 0, np.float32),
        whole_step=zeros(
            max(int(layers["w_size"].max()) if whole else 0, int(channels["c_size"].max()) if own_wires else 0),
            np.float32,
        ),
        partial_step=zeros(int((single["w_size"] + single["b_size"]).max(initial=0)), np.float32),
        targets=zeros(batch * int(layers["n"][plan.top]), np.float32),
        reduced=zeros(batch * int(channels["rank"].max(initial=0)), np.float32),
        unprojected=zeros(batch * widest_learner if projected else 0, np.float32),
        halfway=zeros(batch * widest_learner if (channels["wiring"] == Wiring.PRODUCT).any() else 0, np.float32),
        error_sums=zeros(batch * widest_learner if several_channels(plan) else 0, np.float32),
        transposed=zeros(_transposed(plan), np.float32),
        signed=zeros(
            int(layers["w_size"][channels["source"][channels["wiring"] == Wiring.SIGN]].max(initial=0)), np.float32
        ),
        partial_sums=zeros(partial_room(batch, widest, widest_learner), np.float32),
        term_lists=zeros(list_room(batch, widest) if batch > 1 else 0, np.int32),
        touched=zeros(widest, np.bool_),
        row_index=zeros(widest, np.int32),
        row_value=zeros(widest, np.float32),
        message=records(zeros(1, MESSAGE)),
        message_index=zeros(widest, np.int32),
        message_value=zeros(widest, np.float32),
        message_alive=zeros(widest, np.int32),
        message_hits=zeros(widest, np.int32),
        message_sent=zeros(widest, np.float32),
        own_state=zeros(sum(own.state_size for own in plan.own_stages)),
        compared=zeros(0 if plan.own_loss is None else 2 * int(layers["n"][plan.top]), np.float32),
        own_value=zeros(1),
        own_slopes=zeros(batch * int(layers["n"][layers["transfer"] == Transfer.OWN].max(initial=0)), np.float32),
        own_values=zeros(widest if plan.own_stages else 0, np.float32),
        own_normals=zeros(own_stages.normals_at_once(plan), np.float32),
        own_room=zeros(own_stages.room(plan)),
        step_numbers=zeros(NUMBERS, np.int64),
        keys=zeros(int(counter_hash.PURPOSES), np.int64),
        word=zeros(1, np.float32),
        contexts=zeros(2 * CONTEXTS, np.int64),
        patches=strides.aligned(map_parts(most) * int(net.geometry[:, -1].max())),
        map_events=zeros(most, np.int64),
        map_macs=zeros(most, np.int64),
        map_sums=zeros(batch * int(convolutions["out_channels"].max(initial=0)), np.float32),
        turned_signal=zeros(batch * maps_units, np.float32),
        captured=zeros((plan.frames * batch if config["capture"] else 0, units), np.float32),
        message_rows=records(zeros(rows or batch * len(channels), MESSAGE_ROW)),
        payload=zeros(rows * widest, np.float32),
        watch=records(zeros(1, WATCH)),
        value_rows=records(zeros(watched * int(config["watch_rows"]), VALUE_ROW)),
        watched=zeros(watched * int(config["watch_values"]), np.float32),
    )
    _begin(memory)
    if shared is None:
        _divide_synapses(plan, net, memory)
    return memory


def _divide_synapses(plan: Plan, net: Net, memory: Memory) -> None:
    """W and C as multiples of their units, where they have one."""
    for channel in plan.channels[plan.channels["c_unit"] > 0]:
        values = memory.feedback[channel["c_offset"] : channel["c_offset"] + channel["c_size"]]
        values[:] = np.rint(values / channel["c_unit"])
    for h in np.flatnonzero(net.layers["has_unit"]):
        layer = net.layers[h]
        values = memory.weights[layer["w_offset"] : layer["w_offset"] + layer["w_extent"]]
        unit = np.abs(values).max()
        if unit >= SMALLEST_UNIT and ((values == 0) | (np.abs(values) == unit)).all():
            values[:] = np.sign(values)
            memory.weight_units[h] = unit


def _begin(memory: Memory) -> None:
    """What is not zero before the first frame: no frame is the one before it."""
    memory.clock["fault_frame"] = -1
    memory.link_states["frame"] = -1


def clear(memory: Memory) -> None:
    """As it was before the first frame, but for W, b and C."""
    for name, array in memory._asdict().items():
        if name == "captured" or name not in (*SYNAPSES, *SCRATCH):
            array.fill(0)
    _begin(memory)


def _transposed(plan: Plan) -> int:
    """Values of the largest W of a dense layer that errors of a mini-batch pass backwards."""
    back = plan.channels[np.isin(plan.channels["wiring"], [Wiring.TRANSPOSE, Wiring.SIGN])]
    passed = {int(h) for h in back["source"] if plan.layers["kind"][h] == Kind.DENSE}
    for channel in plan.channels[plan.channels["wiring"] == Wiring.PRODUCT]:
        passed |= set(range(int(channel["target"]) + 1, int(channel["source"]) + 1))
    return max((int(plan.layers["w_size"][h]) for h in passed), default=0) if plan.batch > 1 else 0


def _row_capacity(plan: Plan, widest: int) -> int:
    per_frame = plan.batch * len(plan.channels)
    affordable = MESSAGE_BYTES // (MESSAGE_ROW.itemsize + 4 * widest)
    return max(2 * per_frame, affordable)


def _value_capacity(config: Any) -> int:
    """For how many events there is room for their values."""
    of_one = int(config["watch_rows"]) * VALUE_ROW.itemsize + 4 * int(config["watch_values"])
    return max(1, MESSAGE_BYTES // of_one)


def with_more_slots(memory: Memory) -> Memory:
    """The same with room for twice as many frames. What has not grown is shared."""
    larger = {}
    for name in BY_SLOT:
        old = getattr(memory, name)
        new = np.zeros((2 * len(old), *old.shape[1:]), old.dtype)
        new[: len(old)] = old
        larger[name] = records(new)
    larger["heap"] = records(np.concatenate([memory.heap, np.zeros_like(memory.heap)]))
    ring = np.zeros((memory.ring.shape[0], 2 * memory.ring.shape[1]), np.int64)
    for k, link in enumerate(memory.link_states):
        unfinished = np.roll(memory.ring[k], -int(link["head"]))
        ring[k, : memory.ring.shape[1]] = unfinished
        link["head"] = 0
    return memory._replace(ring=ring, **larger)
