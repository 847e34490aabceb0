"""Updates by single samples that wait for the next pass over the rows of W that they touch.

Such an update adds a multiple of one vector, its *step* eta R, to each row whose input spoke. The next frame whose
input speaks there reads the row anyway, and applies what waits in the same pass. So of each row one update waits at
most: its multiple is in mem.pending_x, and which of the layer's last STEPS steps it is of in mem.pending_at. Steps are
overwritten a half at a time: rows that nobody has read for so long are brought up to date before; so are all rows when
a frame has taught nothing, and in a pipeline after each pass. Which updates a row gets, and in what order, is the same
as if none had waited.
"""

from __future__ import annotations

from channelsim.engine.compile.jit import inner, kernel
from channelsim.engine.kernels import simd, single
from channelsim.engine.layers import inputs
from channelsim.engine.tables.handles import configs, f4, head, i4, layer_states, layers, slots, synapses
from channelsim.engine.tables.layouts import STEPS

HALF = STEPS // 2
NOTHING, ONE, MORE = 0, 1, 2  # what waits: no update, that of one frame (for step 0), rows as pending_at says


@inner()
def may_wait(net, h):
    """Whether an update of layer h may wait for the next pass over the rows."""
    layer = layers(net.layers)[h]
    return configs(net.config)[0].deferred and layer.update_quantizer == 0 and layer.weight_quantizer == 0


@inner(inline="always")
def _steps(mem, layer):
    return f4(mem.pending_step)[layer.step_offset : layer.step_offset + STEPS * layer.step_pitch]


@inner(inline="always")
def _multiples(mem, layer):
    return f4(mem.pending_x)[layer.input_offset : layer.input_offset + layer.fan_in]


@inner(inline="always")
def _places(mem, layer):
    return i4(mem.pending_at)[layer.input_offset : layer.input_offset + layer.fan_in]


@inner()
def add_rows(net, mem, h, slot, index, value, out):
    """out += sum_k value[k] * row(index[k]) of layer h's W, for the frame in `slot`, after what waits at these rows."""
    layer, state = layers(net.layers)[h], layer_states(mem.layer_states)[h]
    weights, steps = synapses(f4(mem.weights), layer), _steps(mem, layer)
    old, at = _multiples(mem, layer), _places(mem, layer)
    every = len(index) == layer.fan_in
    if state.pending != NOTHING and state.settled >= 0:
        flush(net, mem, h)  # the last frame taught nothing: at most rows nothing waits, and a read alone is faster
    state.settled = slots(mem.slots)[slot].frame
    if state.pending == NOTHING:
        single.add_rows(weights, layer.pitch, index, value, out)
    elif state.pending == ONE:
        single.update_and_add_rows(weights, layer.pitch, index, value, head(steps, layer.n), old, out)
    else:
        single.catch_up_and_add_rows(weights, layer.pitch, index, value, steps, layer.step_pitch, at, old, out)
    if every:
        state.pending = NOTHING
    elif configs(net.config)[0].pipelined:
        flush(net, mem, h)  # what is learned next is of another frame, whose rows would have to be looked at first


@kernel()
def flush(net, mem, h):
    """Applies all that waits at layer h."""
    state = layer_states(mem.layer_states)[h]
    if state.pending == ONE:
        layer = layers(net.layers)[h]
        weights, step = synapses(f4(mem.weights), layer), head(_steps(mem, layer), layer.n)
        single.update_rows(weights, layer.pitch, step, _multiples(mem, layer), i4(mem.speaking), f4(mem.said))
    elif state.pending == MORE:
        _catch_up_steps(net, mem, h, 0, STEPS)
    state.pending = NOTHING


@inner()
def _catch_up_steps(net, mem, h, first, last):
    layer = layers(net.layers)[h]
    single.catch_up_steps(
        synapses(f4(mem.weights), layer), layer.pitch, first, last, _steps(mem, layer), layer.step_pitch,
        _places(mem, layer), _multiples(mem, layer), layer.n, i4(mem.speaking), f4(mem.said),
    )  # fmt: skip


@inner()
def defer(net, mem, h, slot, eta):
    """The update of one sample waits, R in mem.signal and its activity in `slot`: of the bias it is applied at once."""
    layer, state = layers(net.layers)[h], layer_states(mem.layer_states)[h]
    n, old, at = layer.n, _multiples(mem, layer), _places(mem, layer)
    index, value = inputs.events(net, mem, h, slot)
    every = len(index) == layer.fan_in
    if every:
        flush(net, mem, h)
    place = _next_place(net, mem, h)
    step = _steps(mem, layer)[place * layer.step_pitch : place * layer.step_pitch + n]
    bias = f4(mem.biases)[layer.b_offset : layer.b_offset + n]
    simd.scale_and_add(eta, f4(mem.signal)[:n], step, bias)
    if state.pending == MORE and state.settled != slots(mem.slots)[slot].frame:
        single.catch_up_rows(  # an update may wait at these rows since they were read
            synapses(f4(mem.weights), layer), layer.pitch, index, _steps(mem, layer), layer.step_pitch, at, old, n,
            i4(mem.speaking), f4(mem.said),
        )  # fmt: skip
    if every:
        simd.copy(value, old)
    else:
        simd.scatter(index, value, old)
    if state.pending == NOTHING:
        state.pending = ONE
    else:
        simd.fill(index, place, at)
    state.settled = -1


@inner()
def _next_place(net, mem, h):
    """Where the next step of layer h goes. What waits for the steps that it and its followers overwrite is applied."""
    state = layer_states(mem.layer_states)[h]
    if state.pending == NOTHING:
        state.newest_step = 0
        return 0
    if state.pending == ONE:
        at = _places(mem, layers(net.layers)[h])
        for r in range(len(at)):
            at[r] = 0
        state.pending = MORE
    place = (state.newest_step + 1) % STEPS
    if place % HALF == 0:
        _catch_up_steps(net, mem, h, place, place + HALF)
    state.newest_step = place
    return place
