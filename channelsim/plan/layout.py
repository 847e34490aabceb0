"""The tables that engine and reference read: what a layer, a channel, a link and a counter are made of.

Records are flat and hold numbers only, so that one compiled signature of the engine serves every network.
Adding a property of a layer or channel is a line here, a line where the table is filled (`shapes`, `channels`,
`settings`), and its users.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any

import numpy as np

SMALLEST_UNIT = np.finfo(np.float32).tiny
"""Of the numbers of which values are taken as whole multiples: a smaller one has too few digits to divide by."""


class Kind(IntEnum):
    """What a layer is."""

    INPUT = 0
    DENSE = 1
    CONV2D = 2
    MAXPOOL = 3
    AVGPOOL = 4
    FLATTEN = 5


class Transfer(IntEnum):
    """A layer's transfer function f."""

    LINEAR = 0
    TANH = 1
    LOGISTIC = 2
    RELU = 3
    SOFTMAX = 4
    OWN = 5  # the user's


class Direction(IntEnum):
    """What a channel is for."""

    FORWARD = 0
    LEARNING = 1


class Quantizer(IntEnum):
    NONE = 0
    LOG2 = 1
    UNIFORM = 2
    SIGN = 3
    TERNARY = 4
    ABS = 5  # of updates only


class RateDecay(IntEnum):
    """What is left of learning rates in frame k: (1 - d)^k, max(0, 1 - d k), or 1 / (1 + d k)."""

    FACTOR = 0
    LINEAR = 1
    INVERSE = 2


class Residual(IntEnum):
    """What a sender keeps of v and adds to its next value: nothing; v, if the threshold held it back; v - Q(v)."""

    NONE = 0
    THRESHOLD = 1
    ERROR_FEEDBACK = 2


class Distribution(IntEnum):
    """What the numbers of a C that is drawn anew are drawn from."""

    NORMAL = 0
    UNIFORM = 1
    SIGN = 2
    BINARY = 3


class Scale(IntEnum):
    """Where a scale `a` comes from: a fixed number, the largest magnitude or the root mean square of the message."""

    FIXED = 0
    MAX = 1
    RMS = 2


class Encoding(IntEnum):
    DENSE = 0
    AER = 1
    ENTROPY = 2
    AUTO = 3


class Jitter(IntEnum):
    NONE = 0
    UNIFORM = 1
    EXPONENTIAL = 2


LAYER = np.dtype(
    [
        ("kind", "i8"),
        ("transfer", "i8"),
        ("keeps_sums", "u1"),  # S is kept beside O: f', or at the top the loss, is worked out from it
        ("n", "i8"),  # units
        ("fan_in", "i8"),  # units of the layer below
        ("unit_offset", "i8"),  # into a per-sample vector of the units of layers 1..L one after another
        ("input_offset", "i8"),  # likewise, of the activations delivered to this layer
        ("w_offset", "i8"),  # W: dense (fan_in, n); conv2d (in_channels * kernel * kernel, out_channels)
        ("w_size", "i8"),
        ("w_columns", "i8"),  # of W: units, or maps of a convolution
        ("b_offset", "i8"),
        ("b_size", "i8"),  # as many as W has columns; 0: no biases
        ("learning_rate", "f8"),  # of the first update of W and b; 0: they are not touched
        ("in_channels", "i8"),
        ("in_height", "i8"),
        ("in_width", "i8"),
        ("out_channels", "i8"),
        ("out_height", "i8"),
        ("out_width", "i8"),
        ("kernel", "i8"),
        ("stride", "i8"),
        ("padding", "i8"),
        ("compute_forward", "i8"),  # ps a message
        ("compute_learning", "i8"),  # ps a message
        ("update_quantizer", "i8"),
        ("update_levels", "i8"),  # as of a channel's quantizer
        ("update_bits", "i8"),  # of a word
        ("update_scale_kind", "i8"),
        ("update_scale", "f4"),
        ("update_stochastic", "u1"),
        ("update_per_sample", "u1"),  # each sample's step passes the quantizer by itself
        ("weight_quantizer", "i8"),
        ("weight_levels", "i8"),
        ("weight_scale_kind", "i8"),
        ("weight_scale", "f4"),
        ("weight_stochastic", "u1"),
    ],
    align=True,
)

CHANNEL = np.dtype(
    [
        ("direction", "i8"),
        ("source", "i8"),
        ("target", "i8"),
        ("message", "i8"),
        ("wiring", "i8"),
        ("adaptive", "u1"),
        ("learning_rate", "f8"),  # of the first update of an adaptive C
        ("share", "f4"),  # of its error, in the sum of those of all learning channels that lead to the target
        ("n", "i8"),  # values of a message: units of the source, of the target if `at_receiver`, or the rank of C
        ("at_receiver", "u1"),  # what C makes of the source's values is what travels, and passes the stages
        ("rank", "i8"),  # of C = P Q; 0: C is no such product
        ("p_offset", "i8"),  # P's values, (units of the source, rank); Q is where C is otherwise
        ("message_offset", "i8"),  # of the delivered message (or the projected error) in a frame's message buffer
        ("c_offset", "i8"),  # C's values; dense (n, n_target), sparse: by sender, see Plan.c_index and c_start
        ("c_size", "i8"),
        ("c_unit", "f4"),  # until C learns, all its values are whole multiples of it; 0: of nothing
        ("start_offset", "i8"),  # sparse: n + 1 row starts in Plan.c_start
        ("redrawn", "u1"),  # C is drawn anew for each frame, from this distribution
        ("distribution", "i8"),
        ("deviation", "f8"),
        ("mean", "f4"),
        ("residual_offset", "i8"),
        ("count_offset", "i8"),  # of the counts of its units by what they sent: see `units_counted`
        ("link", "i8"),
        # stages, in their order
        ("has_threshold", "u1"),
        ("threshold", "f4"),
        ("residual", "u1"),
        ("quantizer", "i8"),
        ("levels", "i8"),  # magnitudes that it has beside 0: exponents of log2, K of uniform, 1 of sign and ternary
        ("scale_kind", "i8"),
        ("scale", "f4"),
        ("stochastic", "u1"),
        ("noise", "f4"),
        ("noise_scale_kind", "i8"),
        ("noise_scale", "f4"),
        ("bit_error", "f8"),
        ("word_error", "f8"),  # that a word has any bit flipped: 1 - (1 - bit_error)^value_bits
        ("drop", "f8"),
        ("rescale", "u1"),
        ("own_before", "u1"),  # how many stages of the user's own: before the threshold,
        ("own_after", "u1"),  # and on the way
        # clock
        ("latency", "i8"),  # ps
        ("jitter_kind", "i8"),
        ("jitter", "i8"),  # ps: width of the uniform, mean of the exponential
        ("deadline", "i8"),  # ps after sending; -1: none
        # code
        ("encoding", "i8"),
        ("header_bits", "i8"),
        ("address_bits", "i8"),
        ("value_bits", "i8"),
        ("scale_bits", "i8"),  # 32 where a scale travels with each message
        ("silence_bits", "i8"),  # what each word of a dense message grows by when some unit is inactive: 0 or 1
    ],
    align=True,
)

LINK = np.dtype(
    [
        ("ps_numerator", "i8"),  # a message of N bits occupies the link for ceil(N * numerator / denominator) ps
        ("ps_denominator", "i8"),
        ("queue", "i8"),  # messages that may wait behind the one on the link; -1: any number
        ("broadcast", "u1"),  # channels with one sender share one transmission
    ],
    align=True,
)

COUNTER = np.dtype(
    [
        ("messages", "i8"),
        ("offered", "i8"),  # active units (nonzero values), before the stages
        ("sent", "i8"),  # events that went onto the link
        ("delivered", "i8"),
        ("dropped", "i8"),  # lost by the drop stage
        ("corrupted", "i8"),  # a bit error made a word that means nothing
        ("late", "i8"),
        ("overflow", "i8"),  # events of messages that found the queue full
        ("lost_messages", "i8"),  # messages that found the queue full
        ("flipped_bits", "i8"),
        ("bits", "i8"),  # everything that went onto the link, headers and scales included
        ("header_bits", "i8"),
        ("busy", "i8"),  # ps that the link was occupied by this channel
        ("wait", "i8"),  # ps that messages waited for the link
        ("queue_max", "i8"),  # largest number of messages waiting or being sent, seen by an arriving message
        ("macs", "i8"),  # multiply-accumulates (a synapse read each): W x (forward channels), C m (learning channels)
        ("writes", "i8"),  # synapses written in the updates that this channel's messages caused, those of C included
        ("update_macs", "i8"),  # multiply-accumulates of those updates
        ("update_bits", "i8"),  # bits of the weight updates
    ],
    align=True,
)


def units_counted(levels: Any) -> Any:
    """How many counts the units of a quantized channel take: of silence, and of each magnitude with either sign.

    They stand in this order: silence, -1, 1, -2, 2, ..., with magnitudes counted from the smallest.
    """
    return 2 * levels + (levels > 0)


MESSAGE_ROW = np.dtype(
    [
        ("frame", "i8"),
        ("sample", "i8"),
        ("channel", "i8"),
        ("offered", "i8"),  # ps: handed to the link
        ("start", "i8"),  # ps: first bit leaves
        ("first_arrival", "i8"),  # ps: of the first event, or the deadline if that is earlier
        ("complete", "i8"),  # ps: the receiver waits no longer
        ("events", "i8"),  # sent
        ("delivered", "i8"),
        ("bits", "i8"),
        ("encoding", "i8"),  # DENSE or AER
        ("outcome", "i8"),  # 0 whole, 1 some events lost, 2 lost in the queue
        ("scale", "f4"),
        ("payload", "i8"),  # first of `neurons` values as sent (after threshold and quantizer) in the payload buffer
        ("neurons", "i8"),
    ],
    align=True,
)

VALUE_ROW = np.dtype(
    [
        ("kind", "i8"),  # `recording.Watched`
        ("place", "i8"),  # layer or channel
        ("frame", "i8"),
        ("sample", "i8"),  # within the frame
        ("image", "i8"),  # its place in the training set
        ("time", "i8"),  # ps: when the values were computed, sent or handed over
        ("start", "i8"),  # the first of `n` values in the buffer that goes with the rows
        ("n", "i8"),
    ],
    align=True,
)
