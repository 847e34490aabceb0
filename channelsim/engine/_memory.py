"""The memory of a run, `Memory`: allocated, and made larger when more frames are in flight."""

from __future__ import annotations

import numpy as np

from channelsim.engine import _batch, _hash, _parts, _pitch, _stages
from channelsim.engine._tables import CLOCK, LAYER_STATE, LINK_STATE, SLOT, STEPS, Memory, Net
from channelsim.engine._views import records
from channelsim.engine.sizes import evaluated_at_once
from channelsim.plan import COUNTER, MESSAGE_ROW, Direction, Kind, Plan, Quantizer, Wiring

FIRST_SLOTS = 1  # more come when more frames are in flight
AGE_BINS = 1025  # of a pipeline: ages 0..1023 frames, and older; one frame after another, every age is 0
ROWS_BYTES = 8_000_000  # of message rows and payload kept between two collections
# Of `Memory`, what has a row for each slot, and what the events to come are kept in.
BY_SLOT = ("slots", "sample", "outputs", "inputs", "counts", "starts", "forms", "event_index", "event_value",
           "messages", "heard")  # fmt: skip
HEAP = ("heap_time", "heap_key", "heap_payload")
SYNAPSES = ("weights", "biases", "feedback")
# What is written anew before it is read in the next chunk, and what has been collected.
SCRATCH = ("signal", "error", "turned", "gathered", "spoken", "learns", "partial", "lists", "touched", "step", "sent",
           "speaking", "said", "alive", "hits", "word", "patches", "event_counts", "macs", "map_sums", "bank",
           "captured", "rows", "payload")  # fmt: skip


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
    whole = momentum or bool((layers["update_quantizer"] != Quantizer.NONE).any())
    ideal_inputs = bool(net.ideal[: plan.top].all())
    first_held = batch > 1 or layers[1]["kind"] != Kind.DENSE or bool(config["augmented"])
    rows = _row_capacity(plan, widest) if config["trace_frames"] else 0
    message_room = widest + 2 * _stages.VECTOR  # see `_stages.shape`
    zeros = np.zeros
    memory = Memory(
        clock=records(zeros(1, CLOCK)),
        counters=records(zeros(len(channels), COUNTER)),
        slots=records(zeros(slots, SLOT)),
        layer_states=records(zeros(len(layers), LAYER_STATE)),
        link_states=records(zeros(len(plan.links), LINK_STATE)),
        ages=zeros((len(layers), AGE_BINS if plan.pipelined else 1), np.int64),
        misses=zeros(len(layers), np.int64),
        heap_time=zeros(heap, np.int64),
        heap_key=zeros(heap, np.int64),
        heap_payload=zeros(heap, np.int64),
        ring=zeros((len(plan.links), ring), np.int64),
        heard_start=zeros((len(plan.links), batch), np.int64),
        heard_finish=zeros((len(plan.links), batch), np.int64),
        heard_bits=zeros((len(plan.links), batch), np.int64),
        weights=shared.weights if shared else _pitch.spread(net.layers, plan, plan.weights),
        biases=shared.biases if shared else plan.biases.copy(),
        feedback=shared.feedback if shared else plan.feedback.copy(),
        weight_velocity=zeros(_pitch.size(net.layers) if momentum else 0, np.float32),
        bias_velocity=zeros(plan.biases.size if momentum else 0, np.float32),
        feedback_velocity=zeros(plan.feedback.size if momentum else 0, np.float32),
        residuals=zeros(int(channels["n"].sum()), np.float32),
        sample=zeros((slots, batch), np.int64),
        outputs=zeros((slots, batch * units), np.float32),
        inputs=zeros(
            (slots, batch * (inputs if not ideal_inputs else int(layers[1]["fan_in"]) * first_held)),
            np.float32,
        ),
        counts=zeros((slots, len(layers), batch), np.int64),
        starts=zeros((slots, len(layers)), np.int64),
        forms=zeros((slots, len(layers)), np.int64),
        event_index=zeros((slots, net.list_offset[-1]), np.int32),
        event_value=zeros((slots, net.list_offset[-1]), np.float32),
        messages=zeros((slots, batch * message), np.float32),
        heard=zeros((slots, len(channels), batch), np.int64),
        pending_x=zeros(inputs if batch == 1 else 0, np.float32),
        pending_at=zeros(inputs if batch == 1 else 0, np.int32),
        pending_step=_pitch.aligned(STEPS * int(net.layers["step_pitch"].sum()) if batch == 1 else 0),
        signal=zeros(batch * widest_learner, np.float32),
        error=zeros(batch * widest_learner, np.float32),
        turned=zeros(_turned(plan), np.float32),
        gathered=zeros(batch * widest, np.float32),
        spoken=zeros(batch, np.int64),
        learns=zeros(batch, np.bool_),
        partial=zeros(_batch.partial_room(batch, widest, widest_learner), np.float32),
        lists=zeros(_batch.list_room(batch, widest) if batch > 1 else 0, np.int32),
        touched=zeros(widest, np.bool_),
        step=zeros(int(layers["w_size"].max()) if whole else 0, np.float32),
        sent=zeros(widest, np.float32),
        speaking=zeros(message_room, np.int32),
        said=zeros(message_room, np.float32),
        alive=zeros(message_room, np.int32),
        hits=zeros(message_room, np.int32),
        keys=zeros(int(_hash.PURPOSES), np.int64),
        word=zeros(1, np.float32),
        patches=_pitch.aligned(_parts.parts(most) * int(net.geometry[:, -1].max())),
        event_counts=zeros(most, np.int64),
        macs=zeros(most, np.int64),
        map_sums=zeros(batch * int(convolutions["out_channels"].max(initial=0)), np.float32),
        bank=zeros(int(convolutions["w_size"].max(initial=0)), np.float32),
        captured=zeros((plan.frames * batch if config["capture"] else 0, units), np.float32),
        rows=records(zeros(rows or batch * len(channels), MESSAGE_ROW)),
        payload=zeros(rows * widest, np.float32),
    )
    _begin(memory)
    return memory


def _begin(memory: Memory) -> None:
    """What is not zero before the first frame: no frame is the one before it."""
    memory.clock["fault_frame"] = -1
    memory.layer_states["frame"] = -1
    memory.link_states["frame"] = -1


def clear(memory: Memory) -> None:
    """As it was before the first frame, but for W, b and C."""
    for name, array in memory._asdict().items():
        if name == "captured" or name not in (*SYNAPSES, *SCRATCH):
            array.fill(0)
    _begin(memory)


def _turned(plan: Plan) -> int:
    """Values of the largest W of a dense layer that errors of a mini-batch pass backwards."""
    back = plan.channels[plan.channels["wiring"] == Wiring.TRANSPOSE]
    back = back[plan.layers["kind"][back["source"]] == Kind.DENSE]
    return int(plan.layers["w_size"][back["source"]].max(initial=0)) if plan.batch > 1 else 0


def _row_capacity(plan: Plan, widest: int) -> int:
    per_frame = plan.batch * len(plan.channels)
    affordable = ROWS_BYTES // (MESSAGE_ROW.itemsize + 4 * widest)
    return max(2 * per_frame, affordable)


def with_more_slots(memory: Memory) -> Memory:
    """The same with room for twice as many frames. What has not grown is shared."""
    larger = {}
    for name in BY_SLOT:
        old = getattr(memory, name)
        new = np.zeros((2 * len(old), *old.shape[1:]), old.dtype)
        new[: len(old)] = old
        larger[name] = records(new)
    for name in HEAP:
        old = getattr(memory, name)
        larger[name] = np.concatenate([old, np.zeros_like(old)])
    ring = np.zeros((memory.ring.shape[0], 2 * memory.ring.shape[1]), np.int64)
    for k, link in enumerate(memory.link_states):
        unfinished = np.roll(memory.ring[k], -int(link["head"]))
        ring[k, : memory.ring.shape[1]] = unfinished
        link["head"] = 0
    return memory._replace(ring=ring, **larger)
