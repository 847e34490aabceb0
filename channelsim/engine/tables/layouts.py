"""What the compiled engine works on: constants of a run (`Net`) and everything that changes (`Memory`).

Both are named tuples of flat arrays and record arrays, so that one compiled signature serves every network, and a
checkpoint is a dump of `Memory`. A *slot* is the place in memory of one frame in flight: its activities, its
messages. Each annotation says what compiled code sees: see `handles`.
"""

from __future__ import annotations

from typing import Annotated, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from channelsim.plan import layout

# A layer as the plan has it, but for where W lies in `Memory.weights`: see `strides`.
LAYER = np.dtype(
    [(name, layout.LAYER[name]) for name in layout.LAYER.names or ()]
    + [
        ("row_stride", "i8"),  # values from the start of one row of W to that of the next
        ("w_extent", "i8"),  # values from the start of W to its end, the gaps between rows included
        ("has_unit", "u1"),  # W can have one magnitude: `Memory.weight_units` says which
        ("step_offset", "i8"),  # of the layer's steps in `Memory.pending_step`
        ("step_stride", "i8"),  # values from the start of one of them to that of the next
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
        ("on_miss_current", "u1"),  # for a frame whose activity is forgotten
        ("derivative", "u1"),
        ("frozen", "u1"),  # nothing learns: alignment probes
        ("deferred", "u1"),  # updates may wait for the next forward pass over the same rows
        ("log_keep", "f8"),  # log(1 - rate_decay)
        ("rate_decay", "f8"),
        ("decay_form", "i8"),
        ("momentum", "f8"),
        ("weight_decay", "f8"),
        ("feedback_decay", "f8"),
        ("step_w", "i8"),  # address of the callback of the user's own step of W; 0: there is none,
        ("step_top", "u1"),  # whether the top layer, too, learns by it,
        ("step_c", "i8"),  # and that of the step of C
        ("seed", "i8"),
        ("count_every", "i8"),  # of the messages of quantized channels one in so many is counted unit by unit; 2^k
        ("record_first", "i8"),  # messages of no frame before this one are written down,
        ("record_stop", "i8"),  # nor of this one or later ones; between them `Net.windows` says which
        ("watching", "u1"),  # values may be written down: `Net.series` says which,
        ("watch_from", "i8"),  # and from this frame on all are
        ("watch_rows", "i8"),  # most rows of values that one event writes,
        ("watch_values", "i8"),  # and most values
        ("capture", "u1"),  # learning signals are kept: alignment probes
        ("augmented", "u1"),  # images are mirrored or moved as they enter
        ("flip", "u1"),
        ("shift", "i8"),  # pixels
        ("own_loss", "i8"),  # address of the callback of a loss of the user's own; 0: there is none
    ],
    align=True,
)

CLOCK_ENDED = 2**62  # stands for the frame of a fault where something would happen after the end of the clock

# Likewise of a function of the user's own: this, four times its number and what it returned. The number is that of a
# stage; or, from OF_LAYERS on, those of f of layers 0..L, of f' of all layers, LOSS times as many that of the loss, and
# STEP_W and STEP_C times as many those of the steps of each layer.
OWN_FAILED = CLOCK_ENDED + 8
OF_LAYERS = 2**32
LOSS, STEP_W, STEP_C = 2, 3, 4

CLOCK = np.dtype(
    [
        ("now", "i8"),  # ps
        ("sequence", "i8"),  # of the next event
        ("heap_size", "i8"),
        ("next_frame", "i8"),
        ("rows", "i8"),  # message rows written since they were last collected
        ("payload", "i8"),  # values behind them
        (
            "fault_frame",
            "i8",
        ),  # the frame at which a learning signal was not finite; -1: none; or CLOCK_ENDED, OWN_FAILED
        ("in_flight", "i8"),
        ("in_flight_max", "i8"),
        ("loss", "f8"),  # sums since they were last collected
        ("correct", "i8"),
        ("samples", "i8"),
        ("updates", "i8"),
    ],
    align=True,
)

EVENT = np.dtype(
    [
        ("time", "i8"),  # ps
        ("order", "i8"),  # of equal times: priority and sequence number
        ("act", "i8"),  # what happens then: see `loop.event_loop`
        ("channel", "i8"),
        ("slot", "i8"),
    ],
    align=True,
)

SLOT = np.dtype(
    [
        ("used", "u1"),
        ("finished", "u1"),  # all that the frame caused is done; a layer may still have computed it last
        ("frame", "i8"),
        ("samples", "i8"),
        ("keep", "f8"),  # what is left of the learning rates
        ("events", "i8"),  # in the heap for this frame
        ("holders", "i8"),  # layers that computed this frame last
    ],
    align=True,
)

LAYER_STATE = np.dtype(
    [
        ("free_at", "i8"),  # ps: busy computing until then
        ("computed", "i8"),  # frames computed so far
        ("slot", "i8"),  # of the one computed last
        ("pending", "u1"),  # which updates wait for the next pass over their rows: see `layers.deferred`
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
        ("frame", "i8"),  # of the last broadcast: the frame, and 2 * layer + direction of its sender
        ("sender", "i8"),
    ],
    align=True,
)

WATCH = np.dtype([("rows", "i8"), ("values", "i8")], align=True)  # written since they were last collected

MESSAGE = np.dtype(
    [
        ("offered", "i8"),  # units with a nonzero value
        ("entries", "i8"),  # of the list: as many as events, or one for each unit
        ("events", "i8"),  # sent
        ("scale", "f4"),
        ("noise_scale", "f4"),
        ("bits", "i8"),
        ("encoding", "i8"),
        ("start", "i8"),  # ps: the first bit leaves
        ("finish", "i8"),  # ps: the last bit has left
        ("delay", "i8"),  # ps: latency and jitter
        ("due", "i8"),  # ps: what arrives later is lost; -1: nothing is
        ("delivered", "i8"),  # events
        ("complete", "i8"),  # ps
        (
            "again",
            "u1",
        ),  # this sender has broadcast the frame already, over another channel; as the next two, of all its messages
        ("hit_bound", "i8"),  # what draws are compared with
        ("drop_bound", "i8"),
    ],
    align=True,
)

OWN_STAGE = np.dtype(
    [
        ("address", "i8"),  # of its callback
        ("first_draw", "i8"),
        ("normals", "i8"),  # standard normal draws for each value
        ("state_offset", "i8"),
        ("state_size", "i8"),
    ],
    align=True,
)

OWN_TRANSFER = np.dtype(
    [
        ("kind", "i8"),  # f, as `plan.Transfer`
        ("function", "i8"),  # address of f's callback, if it is the user's
        ("derivative", "i8"),
        ("sum_offset", "i8"),  # of the layer's S among those that are kept of a sample; -1: it is not kept
    ],
    align=True,
)


class Field(NamedTuple):
    """What an array of a table is: its dtype and dimensions. Without dimensions it is a table of one record."""

    dtype: Any
    dimensions: int = 1


Floats = Annotated[NDArray[np.float32], Field(np.float32)]
Doubles = Annotated[NDArray[np.float64], Field(np.float64)]
FloatRows = Annotated[NDArray[np.float32], Field(np.float32, 2)]
Numbers = Annotated[NDArray[np.int32], Field(np.int32)]
NumberRows = Annotated[NDArray[np.int32], Field(np.int32, 2)]
Counts = Annotated[NDArray[np.int64], Field(np.int64)]
FloatPlanes = Annotated[NDArray[np.float32], Field(np.float32, 3)]
CountRows = Annotated[NDArray[np.int64], Field(np.int64, 2)]
CountPlanes = Annotated[NDArray[np.int64], Field(np.int64, 3)]
Flags = Annotated[NDArray[np.bool_], Field(np.bool_)]


class Net(NamedTuple):
    """Constants of a run. Arrays of the data set are shared, never copied."""

    config: Annotated[NDArray[Any], Field(CONFIG, 0)]
    layers: Annotated[NDArray[Any], Field(LAYER)]  # (L + 1,)
    geometry: CountRows  # (L + 1, 11) maps and windows, as `geometry` names them
    list_offset: Counts  # (L + 2,) of a dense layer's event lists in `Memory.list_index`
    channels: Annotated[NDArray[Any], Field(layout.CHANNEL)]  # the rows change at a scheduled change
    links: Annotated[NDArray[Any], Field(layout.LINK)]
    leaving: Counts  # learning channels by source layer: leaving[leaving_start[h] : leaving_start[h + 1]]
    leaving_start: Counts  # (L + 2,)
    arriving: Counts  # likewise, by target layer
    arriving_start: Counts  # (L + 2,)
    ideal: Flags  # (channels,) messages arrive as they are: no stage, and nothing can be late
    roots: Counts  # (channels * 16,) roots of the keys of a channel's draws, by purpose: hashing.root
    own_stages: Annotated[NDArray[Any], Field(OWN_STAGE)]  # the user's own, by channel and place
    own_start: Counts  # (channels * 3 + 1,) where those of a channel and place start
    own_transfers: Annotated[NDArray[Any], Field(OWN_TRANSFER)]  # (L + 1,) likewise, by layer
    c_start: Numbers
    c_index: Numbers
    identity: Numbers  # (widest,) 0, 1, 2, ..: the event list of a layer all of whose units are active
    zeros: Floats  # (most columns of a W,) where there are no biases
    order: Counts  # (samples of an epoch,) the order of this epoch
    images: Floats  # (N * n_0,)
    labels: Numbers  # (N,) class numbers; empty where targets are given
    targets: Floats  # (N * n_L,) real targets; empty where classes are
    event_start: Counts  # (N + 1,) the images as events
    event_index: Numbers  # empty where layer 1 reads the images themselves
    event_value: Floats
    windows: CountRows  # (windows, 3) of recorded messages: the first frame, that behind the last, the channel or -1
    series: (
        CountRows  # (series, 6) of recorded values: kind, place, first and last frame as above or -1, every, samples
    )


class Memory(NamedTuple):
    """Everything that changes. F slots, B samples a frame."""

    # when something happens
    clock: Annotated[NDArray[Any], Field(CLOCK, 0)]
    heap: Annotated[NDArray[Any], Field(EVENT)]
    slots: Annotated[NDArray[Any], Field(SLOT)]  # (F,)
    layer_states: Annotated[NDArray[Any], Field(LAYER_STATE)]  # (L + 1,)
    link_states: Annotated[NDArray[Any], Field(LINK_STATE)]  # (links,)
    ring: CountRows  # (links, size) finish times of the messages that a link has not finished
    broadcast_start: CountRows  # (links, B) start, finish and bits of the last transmission on a broadcast link
    broadcast_finish: CountRows
    broadcast_bits: CountRows
    # what is counted
    counters: Annotated[NDArray[Any], Field(layout.COUNTER)]  # (channels,)
    unit_counts: Counts  # units of quantized channels by what they sent: see `plan.units_counted`
    ages: CountRows  # (L + 1, bins) updates by age in frames, the last bin for all that are older
    misses: Counts  # (L + 1,) errors whose frame was no longer stashed
    # what learns
    weights: Floats  # of a layer with a unit: how often W holds it
    weight_units: Floats  # (L + 1,) what all values of each W are whole multiples of; 0: of nothing
    biases: Floats
    feedback: Floats  # likewise
    feedback_units: Floats  # (channels,)
    feedback_frames: Counts  # (channels,) the frame that C was drawn for, where it is drawn anew
    weight_velocity: Floats  # empty without momentum, like the two that follow
    bias_velocity: Floats
    feedback_velocity: Floats
    deferred_input: Floats  # (inputs,) activities of the deferred updates, by row; 0: none
    deferred_at: Numbers  # (inputs,) the place of each one's step among the layer's
    deferred_step: Floats  # (STEPS * padded units) eta R of the last updates of each layer
    # frames in flight
    sample: CountRows  # (F, B) index into the data set
    outputs: FloatRows  # (F, B * units) O of layers 1..L
    sums: FloatRows  # (F, B * units of layers that keep S) S of these layers
    inputs: FloatRows  # (F, B * inputs) activations as delivered, where they are not the sender's
    computed: CountRows  # (F, L + 1) which of its computations, from 1 on, was a layer's of this frame
    input_events: CountPlanes  # (F, L + 1, B) events delivered to each layer; once it computes, nonzero values
    input_form: CountRows  # (F, L + 1) how a layer's input is held: see `layers.inputs`
    list_start: CountRows  # (F, L + 1) where its list starts, if the form has one
    list_index: NumberRows  # (F, Net.list_offset[-1]) inputs of dense layers as events, of one sample
    list_value: FloatRows
    messages: FloatRows  # (F, B * message) learning messages as delivered, or the error they make (bp)
    message_events: CountPlanes  # (F, channels, B) events delivered by each learning channel
    arrived: CountRows  # (F, L + 1) learning channels whose messages are complete, of a layer that waits for others
    message_units: FloatPlanes  # (F, channels, B) what delivered values are whole multiples of; 0: of nothing
    residuals: Floats
    own_state: Doubles  # of the user's own stages
    # of the layer at work
    units: Floats  # (most samples at once,) what each sample's values are multiples of
    signal: Floats  # (B * widest that learns) R
    output_events: Counts  # (B,) nonzero values of each sample's O
    signal_events: Counts  # (B,) nonzero values of each sample's R
    learns: Flags  # (B,) whether a sample's R has any nonzero value
    signal_sums: Floats  # (parts * widest that learns) R summed over all that shares a bias
    learning_signal: Floats  # (B * widest that learns) R of the samples that learn, perhaps times the rate
    learning_inputs: Floats  # (B * widest) the activities of the samples that learn
    whole_step: Floats  # (largest W) an update that has to be seen whole: momentum, decay, quantizers
    partial_step: Floats  # (largest W) the step of one sample, or of some units that send errors
    targets: Floats  # (B * n_L) T of the frame that the top compares
    reduced: Floats  # (B * highest rank) what is sent in place of R or T where C is P Q
    unprojected: Floats  # (B * widest that learns) messages that are yet to pass the sender's W, or C
    halfway: Floats  # (B * widest that learns) what has passed some of the W that it is to pass
    error_sums: Floats  # (B * widest that learns) the errors of the channels so far, where a layer has several
    transposed: Floats  # (largest W that errors pass) a W transposed
    signed: Floats  # (largest W that lends its signs) |C| with the signs of W
    partial_sums: Floats  # (room,) sums of a mini-batch over parts of the rows of W: see `kernels.minibatch`
    term_lists: Numbers  # (parts * room,) the terms of sparse products: see `kernels.minibatch`
    touched: Flags  # (widest,) which columns of a matrix have a nonzero value
    row_index: Numbers  # (widest,) a list of rows of W,
    row_value: Floats  # and by what each is multiplied
    # of the message at work
    message: Annotated[NDArray[Any], Field(MESSAGE, 0)]
    message_index: Numbers  # (widest,) as a list: units,
    message_value: Floats  # values,
    message_alive: Numbers  # whether each is an event, and not lost,
    message_hits: Numbers  # and which of the code words bit errors hit
    message_sent: Floats  # (widest,) as a vector, as it is sent
    compared: Floats  # (2 n_L, with a loss of the user's) outputs and targets of a sample,
    own_value: Doubles  # (1,) and its loss
    own_slopes: Floats  # (B * widest with an f of the user's) f'
    own_values: Floats  # (widest, if there are any) what a stage of the user's own is given,
    own_normals: Floats  # its normal draws,
    own_room: Doubles  # and room for a value's draws, or the state of one that keeps none
    step_numbers: Counts  # what a step of the user's own is told: see `layers.own_steps`
    keys: Counts  # (16,) of its draws, by purpose
    word: Floats  # (1,) for looking at a float's bits
    contexts: Counts  # of the arithmetic code, two counts each
    # of a convolution at work
    patches: Floats  # (parts * room,) patch matrices, one image of one part at a time
    map_events: Counts  # (most samples at once,) nonzero values of each; -1: unknown
    map_macs: Counts  # (most samples at once,) operations, sample by sample
    map_sums: Floats  # (B * maps,) R summed over each map
    turned_signal: Floats  # (B * units) R with the maps of a position side by side
    # what is handed over between two chunks
    captured: FloatRows  # (frames * B, units) learning signals, if asked for
    message_rows: Annotated[NDArray[Any], Field(layout.MESSAGE_ROW)]  # (capacity,)
    payload: Floats  # (capacity,)
    watch: Annotated[NDArray[Any], Field(WATCH, 0)]
    value_rows: Annotated[NDArray[Any], Field(layout.VALUE_ROW)]  # (capacity,)
    watched: Floats  # (capacity,)
