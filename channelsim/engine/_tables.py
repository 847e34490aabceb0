"""What the compiled engine works on: constants of a run (`Net`) and everything that changes (`Memory`).

Both are named tuples of flat arrays and record arrays, so that one compiled signature serves every network, and a
checkpoint is a dump of `Memory`. A *slot* is the place in memory of one frame in flight: its activities, its
messages.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from channelsim.plan import layout

STEPS = 32  # updates of a layer that may wait at once
# A layer as the plan has it, but for where W lies in `Memory.weights`: see `_pitch`.
LAYER = np.dtype(
    [(name, layout.LAYER[name]) for name in layout.LAYER.names or ()]
    + [
        ("pitch", "i8"),  # values from the start of one row of W to that of the next
        ("w_extent", "i8"),  # values from the start of W to its end, the gaps between rows included
        ("step_offset", "i8"),  # of the layer's steps in `Memory.pending_step`
        ("step_pitch", "i8"),  # values from the start of one of them to that of the next
    ],
    align=True,
)

CONFIG = np.dtype(
    [
        ("top", "i8"),
        ("batch", "i8"),
        ("frames", "i8"),  # of the whole run
        ("frames_per_epoch", "i8"),
        ("train_size", "i8"),
        ("pipelined", "u1"),
        ("poisson", "u1"),
        ("interval", "i8"),
        ("timed", "u1"),  # on some link, at some time, a bit takes time
        ("stash", "i8"),
        ("on_miss_current", "u1"),  # the newest activity takes the place of a missed frame's
        ("derivative", "u1"),
        ("frozen", "u1"),  # nothing learns: alignment probes
        ("deferred", "u1"),  # updates may wait for the next forward pass over the same rows
        ("learning_rate", "f8"),
        ("feedback_learning_rate", "f8"),
        ("log_keep", "f8"),  # log(1 - decay)
        ("momentum", "f8"),
        ("seed", "i8"),
        ("trace_frames", "i8"),  # messages of frames below this one are written down
        ("capture", "u1"),  # learning signals are kept: alignment probes
        ("augmented", "u1"),  # images are mirrored or moved as they enter
        ("flip", "u1"),
        ("shift", "i8"),  # pixels
    ],
    align=True,
)

CLOCK = np.dtype(
    [
        ("now", "i8"),  # ps
        ("sequence", "i8"),  # of the next event
        ("heap_size", "i8"),
        ("next_frame", "i8"),
        ("rows", "i8"),  # message rows written since they were last collected
        ("payload", "i8"),  # values behind them
        ("fault_frame", "i8"),  # the frame at which a learning signal was not finite; -1: none
        ("in_flight", "i8"),
        ("in_flight_max", "i8"),
        ("loss", "f8"),  # sums since they were last collected
        ("correct", "i8"),
        ("samples", "i8"),
        ("updates", "i8"),
    ],
    align=True,
)

SLOT = np.dtype(
    [
        ("used", "u1"),
        ("finished", "u1"),  # everything that the frame caused is done; it may still be a layer's newest
        ("frame", "i8"),
        ("samples", "i8"),
        ("keep", "f8"),  # what is left of the learning rates: (1 - decay)^frame
        ("events", "i8"),  # in the heap for this frame
        ("holders", "i8"),  # layers of which this is the newest frame
    ],
    align=True,
)

LAYER_STATE = np.dtype(
    [
        ("free_at", "i8"),  # ps: busy computing until then
        ("frame", "i8"),  # newest frame computed; -1: none
        ("slot", "i8"),
        ("pending", "u1"),  # which updates wait for the next pass over their rows: see `_waiting`
        ("newest_step", "i8"),  # its place among the layer's steps
        ("settled", "i8"),  # at the rows that this frame has read nothing waits; -1: perhaps at all
    ],
    align=True,
)

LINK_STATE = np.dtype(
    [
        ("free_at", "i8"),  # ps: sending until then
        ("head", "i8"),  # of the ring of finish times
        ("count", "i8"),
        ("frame", "i8"),  # last heard on a broadcast link: the frame, and 2 * layer + direction of who spoke
        ("speaker", "i8"),
    ],
    align=True,
)


class Net(NamedTuple):
    """Constants of a run. Arrays of the data set are shared, never copied."""

    config: NDArray[Any]  # (1,) CONFIG
    layers: NDArray[Any]  # (L + 1,) LAYER
    geometry: NDArray[np.int64]  # (L + 1, 11) maps and windows, as `_geometry` names them
    list_offset: NDArray[np.int64]  # (L + 2,) of a dense layer's event lists in `Memory.event_index`
    channels: NDArray[Any]  # (channels,) CHANNEL; the rows change at a scheduled change
    links: NDArray[Any]  # (links,) LINK
    leaving: NDArray[np.int64]  # learning channels by source layer: leaving[leaving_start[h] : leaving_start[h + 1]]
    leaving_start: NDArray[np.int64]  # (L + 2,)
    ideal: NDArray[np.bool_]  # (channels,) messages arrive as they are: no stage, and nothing can be late
    roots: NDArray[np.int64]  # (channels * 16,) roots of the keys of a channel's draws, by purpose: hashing.root
    c_start: NDArray[np.int32]
    c_index: NDArray[np.int32]
    iota: NDArray[np.int32]  # (widest + 32,) 0, 1, 2, ..: the event list of a layer in which everybody speaks
    order: NDArray[np.int64]  # (samples of an epoch,) the order of this epoch
    images: NDArray[np.float32]  # (N * n_0,)
    labels: NDArray[np.int32]  # (N,)
    event_start: NDArray[np.int64]  # (N + 1,) the images as events
    event_index: NDArray[np.int32]  # empty where layer 1 reads the images themselves
    event_value: NDArray[np.float32]


class Memory(NamedTuple):
    """Everything that changes. F slots, B samples a frame."""

    clock: NDArray[Any]  # (1,) CLOCK
    counters: NDArray[Any]  # (channels,) COUNTER
    slots: NDArray[Any]  # (F,) SLOT
    layer_states: NDArray[Any]  # (L + 1,) LAYER_STATE
    link_states: NDArray[Any]  # (links,) LINK_STATE
    ages: NDArray[np.int64]  # (L + 1, bins) updates by age in frames, the last bin for all that are older
    misses: NDArray[np.int64]  # (L + 1,) errors whose frame was no longer stashed
    heap_time: NDArray[np.int64]
    heap_key: NDArray[np.int64]
    heap_payload: NDArray[np.int64]
    ring: NDArray[np.int64]  # (links, size) finish times of the messages that a link has not finished
    heard_start: NDArray[np.int64]  # (links, B) start, finish and bits of the last transmission on a broadcast link
    heard_finish: NDArray[np.int64]
    heard_bits: NDArray[np.int64]
    weights: NDArray[np.float32]
    biases: NDArray[np.float32]
    feedback: NDArray[np.float32]
    weight_velocity: NDArray[np.float32]  # empty without momentum, like the two that follow
    bias_velocity: NDArray[np.float32]
    feedback_velocity: NDArray[np.float32]
    residuals: NDArray[np.float32]
    sample: NDArray[np.int64]  # (F, B) index into the data set
    outputs: NDArray[np.float32]  # (F, B * units) O of layers 1..L
    inputs: NDArray[np.float32]  # (F, B * inputs) activations as delivered, where they are not the sender's
    counts: NDArray[np.int64]  # (F, L + 1, B) events delivered to each layer
    starts: NDArray[np.int64]  # (F, L + 1) where their list starts, if the form has one
    forms: NDArray[np.int64]  # (F, L + 1) how a layer's input is held: see `_inputs`
    event_index: NDArray[np.int32]  # (F, Net.list_offset[-1]) inputs of dense layers as events, of one sample
    event_value: NDArray[np.float32]
    messages: NDArray[np.float32]  # (F, B * message) learning messages as delivered, or the error they make (bp)
    heard: NDArray[np.int64]  # (F, channels, B) events delivered by each learning channel
    pending_x: NDArray[np.float32]  # (inputs,) activities of the updates that wait, by row; 0: none
    pending_at: NDArray[np.int32]  # (inputs,) the place of each one's step among the layer's
    pending_step: NDArray[np.float32]  # (STEPS * padded units) eta R of the last updates of each layer
    signal: NDArray[np.float32]  # (B * widest that learns) R of the layer at work
    error: NDArray[np.float32]  # (B * widest that learns) delivered messages on their way through C
    turned: NDArray[np.float32]  # (largest W that errors pass) a W transposed
    gathered: NDArray[np.float32]  # (B * widest) the activities of the samples that learn
    spoken: NDArray[np.int64]  # (B,) events of each sample in O, or in R, of the layer at work
    learns: NDArray[np.bool_]  # (B,) whether a sample's R has anything to say
    partial: NDArray[np.float32]  # (room,) sums of a mini-batch over parts of the rows of W, as in `_batch`
    lists: NDArray[np.int32]  # (parts * room,) the terms of sparse products, as in `_batch`
    touched: NDArray[np.bool_]  # (widest,)
    step: NDArray[np.float32]  # (largest W) an update that has to be seen whole: momentum, quantizers
    sent: NDArray[np.float32]  # (widest,) one message as a vector
    speaking: NDArray[np.int32]  # (widest + 32,) one message as a list: who speaks,
    said: NDArray[np.float32]  # what,
    alive: NDArray[np.int32]  # whether it is an event, and not lost,
    hits: NDArray[np.int32]  # and which of its code words bit errors hit
    keys: NDArray[np.int64]  # (16,) of one message's draws, by purpose
    word: NDArray[np.float32]  # (1,) for looking at a float's bits
    patches: NDArray[np.float32]  # (parts * room,) patch matrices of convolutions, one image of one part at a time
    event_counts: NDArray[np.int64]  # (most samples at once,) values of each that are not zero
    macs: NDArray[np.int64]  # (most samples at once,) operations of a convolution, sample by sample
    map_sums: NDArray[np.float32]  # (B * maps,) errors of a convolution summed over each map
    bank: NDArray[np.float32]  # (largest W of a convolution) |C| with the signs of W
    captured: NDArray[np.float32]  # (frames * B, units) learning signals, if asked for
    rows: NDArray[Any]  # (capacity,) MESSAGE_ROW
    payload: NDArray[np.float32]  # (capacity,)
