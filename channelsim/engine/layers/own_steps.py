"""Steps of the user's own rule (docs/design.md, section 2): their callbacks, and where the engine calls them.

A callback makes the steps of a matrix: of W, of b as the row of an input that is 1, of C, or of the wires of one unit
of a sparse C.
"""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import numpy as np

from channelsim import own_rules, parts
from channelsim.engine.channel import own_stages
from channelsim.engine.compile import own
from channelsim.engine.compile.jit import inner
from channelsim.engine.compile.own import NOT_FINITE, RAISED, WELL
from channelsim.engine.compile.pointers import head
from channelsim.engine.compile.units import INT, NOTHING, OWN_STEPS, unit
from channelsim.engine.kernels import counter_hash, simd
from channelsim.engine.layers import inputs
from channelsim.engine.tables.handles import MEMORY, NET, synapses
from channelsim.engine.tables.layouts import OF_LAYERS, OWN_FAILED, STEP_C, STEP_W
from channelsim.extend import STEPS, Step
from channelsim.plan import FIRST_STEP_DRAW, Wiring

F, ZERO = np.float32, np.float32(0.0)
SPARSE, FIRST_DRAW, ROOTS, OWN = int(Wiring.SPARSE), FIRST_STEP_DRAW, counter_hash.PURPOSES, counter_hash.OWN
SAMPLES, BATCH, ROWS, FIRST_ROW, COLUMNS, UNITS, STRIDE, PRE_STRIDE, ROOT, FRAME = range(10)
NUMBERS = 10
"""What a callback is told beside its arrays: samples with an activity, and those of the frame; rows of the matrix, and
the first one's number; its columns, and units that it leads to; values from one row to the next, and from one sample's
`pre` to the next (0: it is 1); the root of the draws' keys, and the frame."""


def address_of(part: parts.Part, step: Step) -> int:
    """Where the callback of a step is."""
    return own.address_of(part, _MAKE[step], own_rules.step_of(part, step), own.STEP)


def place(part: parts.Part, step: Step) -> str:
    """File and line of a step, for errors."""
    return parts.place_of(part, own_rules.step_of(part, step))


def _callback(part: parts.Part, function: Any, step: Step) -> Any:
    """What `own.address_of` compiles of a step.

    (pre, post, error, values, out, index, numbers) -> WELL, RAISED or NOT_FINITE: out (rows, columns) = the mean of the
    steps of `values`, whose column k leads to unit index[k]. Sums are float64, in the order of the samples.
    """
    make = own.compiled(_mean_steps(_of_one(part, function, step), own_rules.note_of(part).draws))

    def run(pre, post, error, values, out, index, numbers):
        try:  # around one call: what stands in here takes Numba long to compile
            status = make(pre, post, error, values, out, index, numbers)
        except Exception:
            status = RAISED
        return status

    return run


def _mean_steps(of_one: Any, draws: int) -> Any:
    """What makes the steps, given that for one sample. Returns WELL or NOT_FINITE."""

    def make(pre, post, error, values, out, index, numbers):
        samples, units, columns, pre_stride = numbers[SAMPLES], numbers[UNITS], numbers[COLUMNS], numbers[PRE_STRIDE]
        status, u = WELL, np.empty(draws)
        for r in range(numbers[ROWS]):
            for k in range(columns):
                i, w, total, finite = index[k], np.float64(values[r * numbers[STRIDE] + k]), 0.0, True
                first = FIRST_DRAW + ((numbers[FIRST_ROW] + r) * units + i) * draws
                for b in range(samples):
                    x = np.float64(pre[b * pre_stride + r]) if pre_stride > 0 else 1.0
                    o, e = np.float64(post[b * units + i]), np.float64(error[b * units + i])
                    total += of_one(x, o, e, w, u, numbers[ROOT], numbers[FRAME], b, first)
                    finite &= math.isfinite(x + o + e)
                step = F(total / numbers[BATCH])
                out[r * columns + k] = step
                if finite and math.isfinite(w) and not math.isfinite(step):
                    status = NOT_FINITE
        return status

    return make


_MAKE = {step: partial(_callback, step=step) for step in STEPS}


def _of_one(part: parts.Part, function: Any, step: Step) -> Any:
    """The step for one sample, with its draws; `u` is room for several."""
    note, p = own_rules.note_of(part), parts.parameters_of(part)
    takes_p, draws = own_rules.takes_p(part, step), note.draws
    draw = own_stages.normal if note.normal else own_stages.uniform
    if draws == 0:
        if takes_p:
            return own.compiled(lambda x, o, e, w, u, root, frame, b, first: function(x, o, e, w, p))
        return own.compiled(lambda x, o, e, w, u, root, frame, b, first: function(x, o, e, w))
    with_draws = own.compiled(
        (lambda x, o, e, w, u: function(x, o, e, w, u, p))
        if takes_p
        else (lambda x, o, e, w, u: function(x, o, e, w, u))
    )
    if draws == 1:

        def with_one(x, o, e, w, u, root, frame, b, first):
            return with_draws(x, o, e, w, draw(np.int64(counter_hash.key_of(root, frame, b)), first))

        return own.compiled(with_one)

    def with_several(x, o, e, w, u, root, frame, b, first):
        key = np.int64(counter_hash.key_of(root, frame, b))
        for d in range(draws):
            u[d] = draw(key, first + d)
        return with_draws(x, o, e, w, u)

    return own.compiled(with_several)


# --- where the engine calls them -----------------------------------------------------------------------------


@inner(inlined=True)
def has(net, h):
    """Whether layer h learns by a step of the user's own."""
    return net.config.step_w != 0 and (h < net.config.top or net.config.step_top != 0)


@unit(NOTHING, NET, MEMORY, INT, INT, INT, INT, INT, needed_by=(OWN_STEPS,))
def of_weights(net, mem, h, slot, seen, samples, c):
    """mem.whole_step, mem.signal_sums = the mean steps of dense layer h's W and b, with R in mem.signal.

    Arguments as of `learning.update`. Counted on channel c: each synapse and sample.
    """
    layer, numbers = net.layers[h], mem.step_numbers
    n, fan_in, x = layer.n, layer.fan_in, inputs.activities(net, mem, h, seen)
    post, error = inputs.outputs(net, mem, h, seen, samples), mem.signal[: samples * n]
    if net.config.batch == 1:
        x = head(mem.row_value, fan_in)
        for k in range(fan_in):
            x[k] = ZERO
        index, value = inputs.events(net, mem, h, seen)
        simd.scatter(index, value, x)
    _tell(net, mem, h - 1, slot, samples, n)
    numbers[ROWS], numbers[STRIDE], numbers[PRE_STRIDE] = fan_in, layer.row_stride, fan_in
    weights, step = synapses(mem.weights, layer), mem.whole_step
    status = own.call_step(net.config.step_w, x, post, error, weights, step, net.identity, numbers)
    if layer.b_size > 0:
        bias = mem.biases[layer.b_offset : layer.b_offset + n]
        numbers[ROWS], numbers[FIRST_ROW], numbers[PRE_STRIDE] = 1, fan_in, 0
        of_biases = own.call_step(net.config.step_w, x, post, error, bias, mem.signal_sums, net.identity, numbers)
        status = max(status, of_biases)
    mem.counters[c].update_macs += samples * layer.w_size
    _fail(net, mem, STEP_W, h, status)


@unit(NOTHING, NET, MEMORY, INT, INT, INT, INT, needed_by=(OWN_STEPS,))
def of_wires(net, mem, c, slot, seen, samples):
    """mem.whole_step = the mean steps of channel c's C, a matrix or its wires. Arguments as of `adaptation.adapt`.

    Counted: each wire and sample.
    """
    channel, numbers = net.channels[c], mem.step_numbers
    senders, h, first = channel.n, channel.target, channel.message_offset * net.config.batch
    n = net.layers[h].n
    message, error = mem.messages[slot, first : first + samples * senders], mem.signal[: samples * n]
    post, step = inputs.outputs(net, mem, h, seen, samples), mem.whole_step[: channel.c_size]
    wires = mem.feedback[channel.c_offset : channel.c_offset + channel.c_size]
    _tell(net, mem, c, slot, samples, n)
    numbers[ROWS], numbers[STRIDE], numbers[PRE_STRIDE] = senders, n, senders
    status = WELL
    if channel.wiring != SPARSE:
        status = own.call_step(net.config.step_c, message, post, error, wires, step, net.identity, numbers)
    else:
        targets = net.c_index[channel.c_offset : channel.c_offset + channel.c_size]
        start = net.c_start[channel.start_offset : channel.start_offset + senders + 1]
        numbers[ROWS] = 1
        for j in range(senders):
            begin, end = start[j], start[j + 1]
            numbers[FIRST_ROW], numbers[COLUMNS] = j, end - begin
            own_status = own.call_step(
                net.config.step_c, message[j:], post, error, wires[begin:end], step[begin:end], targets[begin:end],
                numbers,
            )  # fmt: skip
            status = max(status, own_status)
    mem.counters[c].update_macs += samples * channel.c_size
    _fail(net, mem, STEP_C, h, status)


@inner()
def _tell(net, mem, c, slot, samples, n):
    """mem.step_numbers, for a matrix whose columns lead to n units, and whose draws are those of channel c."""
    numbers = mem.step_numbers
    numbers[SAMPLES], numbers[BATCH], numbers[FIRST_ROW] = samples, mem.slots[slot].samples, 0
    numbers[COLUMNS], numbers[UNITS] = n, n
    numbers[ROOT], numbers[FRAME] = net.roots[c * ROOTS + OWN], mem.slots[slot].frame


@inner()
def _fail(net, mem, which, h, status):
    """Ends the run where the callback of a step of layer h says so. which: STEP_W or STEP_C."""
    if status != WELL and mem.clock.fault_frame < 0:
        mem.clock.fault_frame = OWN_FAILED + 4 * (OF_LAYERS + which * len(net.layers) + h) + status
