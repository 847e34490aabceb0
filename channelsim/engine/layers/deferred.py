"""Deferred updates: those by single samples, applied in the next pass over the rows of W that they touch.

Such an update adds a multiple of one vector, its *step* eta R, to each row whose input is an event. The next frame that
has an event there reads the row anyway, and applies the deferred update in the same pass. So each row has at most one
deferred update: its multiple is in mem.deferred_input, and which of the layer's last STEPS steps it is of in
mem.deferred_at. Steps are overwritten a half at a time: rows that have not been read for so long are brought up to date
before; so are all rows after a frame without an update, and in a pipeline after each pass. Which updates a row gets,
and in what order, is the same as if none were deferred.
"""

from __future__ import annotations

from channelsim.engine.compile.jit import inner
from channelsim.engine.compile.pointers import head
from channelsim.engine.compile.units import DEFERRED, FLOAT, INT, NOTHING, unit
from channelsim.engine.config import STEPS
from channelsim.engine.kernels import activity, simd, single
from channelsim.engine.layers import inputs
from channelsim.engine.tables.handles import MEMORY, NET, synapses

HALF = STEPS // 2
NONE, ONE, MORE = 0, 1, 2  # what is deferred: no update, that of one frame (for step 0), rows as deferred_at says


@inner()
def may_defer(net, h):
    """Whether updates of layer h may be deferred to the next pass over the rows."""
    layer = net.layers[h]
    return net.config.deferred and layer.update_quantizer == 0 and layer.weight_quantizer == 0


@inner(inlined=True)
def _steps(mem, layer):
    return mem.deferred_step[layer.step_offset : layer.step_offset + STEPS * layer.step_stride]


@inner(inlined=True)
def _multiples(mem, layer):
    return mem.deferred_input[layer.input_offset : layer.input_offset + layer.fan_in]


@inner(inlined=True)
def _places(mem, layer):
    return mem.deferred_at[layer.input_offset : layer.input_offset + layer.fan_in]


@inner()
def add_rows(net, mem, h, slot, index, value, out):
    """out += sum_k value[k] * row(index[k]) of layer h's W, for the frame in `slot`, after updates deferred there."""
    layer, state = net.layers[h], mem.layer_states[h]
    weights, steps = synapses(mem.weights, layer), _steps(mem, layer)
    old, at = _multiples(mem, layer), _places(mem, layer)
    every = len(index) == layer.fan_in
    if state.pending != NONE and state.settled >= 0:
        flush(net, mem, h)  # the last frame made no update: most rows have none deferred, and a read alone is faster
    state.settled = mem.slots[slot].frame
    if state.pending == NONE:
        simd.add_rows(weights, layer.row_stride, index, value, out)
    elif state.pending == ONE:
        single.update_and_add_rows(weights, layer.row_stride, index, value, head(steps, layer.n), old, out)
    else:
        single.catch_up_and_add_rows(weights, layer.row_stride, index, value, steps, layer.step_stride, at, old, out)
    if every:
        state.pending = NONE
    elif net.config.pipelined:
        flush(net, mem, h)  # what is learned next is of another frame, whose rows would have to be looked at first


@inner(inlined=True)
def flush(net, mem, h):
    """Applies all deferred updates of layer h."""
    if mem.layer_states[h].pending != NONE:
        apply_deferred(net, mem, h)


@unit(NOTHING, NET, MEMORY, INT, needed_by=(DEFERRED,))
def apply_deferred(net, mem, h):
    """`flush` where there are any."""
    state = mem.layer_states[h]
    if state.pending == ONE:
        layer = net.layers[h]
        weights, step = synapses(mem.weights, layer), head(_steps(mem, layer), layer.n)
        single.update_rows(weights, layer.row_stride, step, _multiples(mem, layer), mem.row_index, mem.row_value)
    elif state.pending == MORE:
        _catch_up_steps(net, mem, h, 0, STEPS)
    state.pending = NONE


@inner()
def _catch_up_steps(net, mem, h, first, last):
    layer = net.layers[h]
    single.catch_up_steps(
        synapses(mem.weights, layer), layer.row_stride, first, last, _steps(mem, layer), layer.step_stride,
        _places(mem, layer), _multiples(mem, layer), layer.n, mem.row_index, mem.row_value,
    )  # fmt: skip


@unit(NOTHING, NET, MEMORY, INT, INT, FLOAT, needed_by=(DEFERRED,))
def defer(net, mem, h, slot, eta):
    """Defers the update by one sample, R in mem.signal and its activity in `slot`. A bias is updated at once."""
    layer, state = net.layers[h], mem.layer_states[h]
    n, old, at = layer.n, _multiples(mem, layer), _places(mem, layer)
    index, value = inputs.events(net, mem, h, slot)
    every = len(index) == layer.fan_in
    if every:
        flush(net, mem, h)
    place = _next_place(net, mem, h)
    step = _steps(mem, layer)[place * layer.step_stride : place * layer.step_stride + n]
    if layer.b_size > 0:
        simd.scale_and_add(eta, mem.signal[:n], step, mem.biases[layer.b_offset : layer.b_offset + n])
    else:
        activity.scale(mem.signal[:n], eta, step)
    if state.pending == MORE and state.settled != mem.slots[slot].frame:
        single.catch_up_rows(  # an update may have been deferred at these rows since they were read
            synapses(mem.weights, layer), layer.row_stride, index, _steps(mem, layer), layer.step_stride, at, old, n,
            mem.row_index, mem.row_value,
        )  # fmt: skip
    if every:
        simd.copy(value, old)
    else:
        simd.scatter(index, value, old)
    if state.pending == NONE:
        state.pending = ONE
    else:
        simd.fill(index, place, at)
    state.settled = -1


@inner()
def _next_place(net, mem, h):
    """Where the next step of layer h goes. Updates by the steps that it and its followers overwrite are applied."""
    state = mem.layer_states[h]
    if state.pending == NONE:
        state.newest_step = 0
        return 0
    if state.pending == ONE:
        at = _places(mem, net.layers[h])
        for r in range(len(at)):
            at[r] = 0
        state.pending = MORE
    place = (state.newest_step + 1) % STEPS
    if place % HALF == 0:
        _catch_up_steps(net, mem, h, place, place + HALF)
    state.newest_step = place
    return place
